// Streams of events and states. Each call makes a stream of its own; take them as long as the screen lives.

import Foundation

extension TarishiClient {
    /// Everything that happens from now on, until the client is closed. A consumer that is slower than the library keeps the newest
    /// thousand; ``states(_:)`` and ``queue()`` cannot miss the present, so screens are better served by those.
    public var events: AsyncStream<Event> {
        hub.events()
    }

    /// Where an operation stands, now and after each change, until it has ended. States that come faster than they are taken are
    /// skipped; the last one never is. Ends at once for an operation that the device does not know.
    public func states(_ id: UUID) -> AsyncStream<OperationState> {
        present(wakes: hub.wakes(for: id)) { client in
            try await client.get(id: id).map(OperationState.init)
        } isLast: { $0.ended }
    }

    /// How the queue stands, now and after each change, until the client is closed. States that come faster than they are taken are
    /// skipped.
    public func queue() -> AsyncStream<QueueState> {
        let hub = hub
        return present(wakes: hub.wakes(for: nil)) { client in
            let counts: [DeviceState: Int] = try await client.stats().reduce(into: [:]) { counts, stat in
                if let state = DeviceState(word: stat.key) { counts[state] = Int(stat.value) }
            }
            let (pause, report) = hub.sync
            return QueueState(counts: counts, pause: pause, lastReport: report)
        } isLast: { _ in false }
    }

    /// Waits until an operation has ended.
    ///
    /// - Throws: `CancellationError` if the task was cancelled, `ClientError.FixInput` with the code `not_found` for an operation
    ///   that the device does not know, `ClientError.NotOpen` if the client was closed.
    public func awaitEnd(_ id: UUID) async throws -> OperationState {
        for await state in states(id) where state.ended { return state }
        try Task.checkCancellation()
        if let record = try await get(id) { return OperationState(record) }
        throw ClientError.FixInput(field: "id", code: "not_found", reason: "the device does not know this operation")
    }

    /// Reads at every wake-up, and hands on what differs from the last.
    private func present<State: Sendable & Equatable>(
        wakes: AsyncStream<Void>,
        read: @escaping @Sendable (Client) async throws -> State?,
        isLast: @escaping @Sendable (State) -> Bool
    ) -> AsyncStream<State> {
        // The stream holds the generated client, not this one: letting go of this one ends it.
        let client = try? bindings()
        return AsyncStream(bufferingPolicy: .bufferingNewest(1)) { continuation in
            guard let client else { return continuation.finish() }
            let reading = Task {
                var last: State?
                for await _ in wakes {
                    do {
                        guard let state = try await read(client) else { break }
                        if state != last { continuation.yield(state) }
                        last = state
                        if isLast(state) { break }
                    } catch {
                        // Suspended, or the storage failed: the next wake-up reads again, and closing ends the wake-ups.
                        continue
                    }
                }
                continuation.finish()
            }
            continuation.onTermination = { _ in reading.cancel() }
        }
    }
}
