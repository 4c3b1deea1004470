// A value behind a lock. `Mutex` of the standard library would do, but needs iOS 18.

import Foundation

/// Holds a value that any thread may change, one at a time. Nothing is awaited under the lock.
final class Locked<Value>: @unchecked Sendable {
    // Unchecked since the compiler cannot see that every access goes through the lock.
    private let lock = NSLock()
    private var value: Value

    init(_ value: Value) {
        self.value = value
    }

    func with<Result>(_ body: (inout Value) throws -> Result) rethrows -> Result {
        lock.lock()
        defer { lock.unlock() }
        return try body(&value)
    }
}
