// A stand-in for Apple's module, for type-checking on Linux only: it has the declarations that Platform/ uses and does nothing. Built
// by bindings/tools/swift.sh with TARISHI_APPLE_STUBS; never part of a product. A type-check against it is no proof of behaviour.

import Foundation

public struct NWPath: Sendable {
    public enum Status: Sendable { case satisfied, unsatisfied, requiresConnection }
    public let status: Status
    public let isExpensive: Bool
    public let isConstrained: Bool
}

public final class NWPathMonitor: @unchecked Sendable {
    public init() {}
    public var pathUpdateHandler: (@Sendable (_ newPath: NWPath) -> Void)?
    public func start(queue: DispatchQueue) {}
    public func cancel() {}
}
