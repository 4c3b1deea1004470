// A stand-in for Apple's module, for type-checking on Linux only: it has the declarations that Platform/ uses and does nothing. Built
// by bindings/tools/swift.sh with TARISHI_APPLE_STUBS; never part of a product. A type-check against it is no proof of behaviour.

import Foundation

open class BGTask: NSObject {
    public var expirationHandler: (() -> Void)?
    public func setTaskCompleted(success: Bool) {}
}

public class BGTaskRequest: NSObject {
    public var earliestBeginDate: Date?
}

public final class BGProcessingTaskRequest: BGTaskRequest {
    public var requiresNetworkConnectivity = false
    public var requiresExternalPower = false
    public init(identifier: String) {}
}

public final class BGTaskScheduler: NSObject, @unchecked Sendable {
    public static let shared = BGTaskScheduler()
    public func register(
        forTaskWithIdentifier identifier: String, using queue: DispatchQueue?, launchHandler: @escaping (BGTask) -> Void
    ) -> Bool { false }
    public func submit(_ taskRequest: BGTaskRequest) throws {}
}
