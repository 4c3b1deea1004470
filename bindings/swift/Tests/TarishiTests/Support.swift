// What several tests need.

import Foundation
import Synchronization
import Tarishi
import TarishiTestKit

/// An operation with this key.
func sms(_ key: String, orderingKey: String? = nil) -> NewOperation {
    Sms.send(to: "+254711222333", message: "Habari", key: key, orderingKey: orderingKey)
}

func charge(_ key: String) -> NewOperation {
    Mpesa.charge(amount: .kes("1000.00"), phone: "+254711222333", reference: key, key: key)
}

/// Waits for what comes from another thread.
func eventually(within seconds: TimeInterval = 10, _ holds: () async throws -> Bool) async throws {
    let end = Date(timeIntervalSinceNow: seconds)
    while try await !holds() {
        guard Date() < end else { throw Failure("it did not come to pass within \(seconds) s") }
        try await Task.sleep(nanoseconds: 2_000_000)
    }
}

/// The error that a call of the client throws.
func thrown(by call: () async throws -> Void) async -> ClientError? {
    do {
        try await call()
        return nil
    } catch {
        return error as? ClientError
    }
}

/// Something that the library does not declare.
struct AppDefect: Error {}

/// Blocks the thread of a foreign call until the test lets it go on.
final class Gate: Sendable {
    private let semaphore = DispatchSemaphore(value: 0)
    private let entered = Atomic<Int>(0)

    var visits: Int { entered.load(ordering: .sequentiallyConsistent) }

    func pass() {
        entered.add(1, ordering: .sequentiallyConsistent)
        semaphore.wait()
        semaphore.signal()
    }

    func open() { semaphore.signal() }
}
