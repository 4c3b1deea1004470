// Cancelled tasks: the long calls end at once, and what is stored stays.

import Foundation
import Tarishi
import TarishiTestKit
import Testing

@Suite("Cancellation")
struct CancellationTests {
    @Test("a task cancelled in the middle of a sync ends at once, and what is queued stays")
    func cancelledSync() async throws {
        let phone = try TestPhone()
        let operation = try await phone.client.enqueue(charge("fee-1"))
        phone.server.hang()
        let syncing = Task { try await phone.client.sync(deadline: 60) }
        try await eventually { try await phone.client.get(operation.id)?.state == .inFlight }
        let began = Date()
        syncing.cancel()
        await #expect(throws: CancellationError.self) { try await syncing.value }
        #expect(Date().timeIntervalSince(began) < 5)
        #expect(try await phone.client.get(operation.id) != nil)

        phone.clock.advance(by: 600)
        #expect(try await phone.client.sync().complete)
        #expect(try await phone.client.get(operation.id)?.state == .accepted)
    }

    @Test("cancelled before they begin, the long calls end at once")
    func cancelledBefore() async throws {
        let phone = try TestPhone()
        phone.server.hang()
        try await phone.client.enqueue(sms("a"))
        let calls: [@Sendable (TarishiClient) async throws -> Void] = [
            { _ = try await $0.sync(deadline: 60) }, { _ = try await $0.logout(.drain(deadline: 60)) },
            { try await $0.suspend(deadline: 60) }, { _ = try await $0.account() },
        ]
        for call in calls {
            let task = Task { [client = phone.client] in
                withUnsafeCurrentTask { $0?.cancel() }
                try await call(client)
            }
            await #expect(throws: CancellationError.self) { try await task.value }
        }
        try await phone.client.resume()
        #expect(try await phone.client.stats()[.pending] == 1)
    }

    @Test("a drain that is cancelled leaves the person signed in")
    func cancelledDrain() async throws {
        let phone = try TestPhone()
        let operation = try await phone.client.enqueue(sms("a"))
        phone.server.hang()
        let leaving = Task { try await phone.client.logout(.drain(deadline: 60)) }
        try await eventually { try await phone.client.get(operation.id)?.state == .inFlight }
        leaving.cancel()
        await #expect(throws: CancellationError.self) { try await leaving.value }
        phone.clock.advance(by: 600)
        #expect(try await phone.client.sync().complete)
    }

    @Test("an enqueue whose task is cancelled is stored all the same")
    func cancelledEnqueue() async throws {
        let phone = try TestPhone()
        let tasks = (0..<200).map { number in
            Task {
                withUnsafeCurrentTask { $0?.cancel() }
                return try await phone.client.enqueue(sms("k\(number)"))
            }
        }
        for task in tasks { _ = try await task.value }
        #expect(try await phone.client.stats()[.pending] == 200)
    }
}
