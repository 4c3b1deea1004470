// One subscription per client, handed on to every stream. A slow consumer loses or skips, and holds up nobody.

import Foundation

/// Hears everything and wakes the streams. Streams of states hold at most one wake-up and read the present when they are taken;
/// streams of events hold the newest ``eventsMax``.
final class EventHub: EventListener, Sendable {
    /// Events that wait for a slow consumer.
    static let eventsMax = 1024

    fileprivate struct Waker {
        /// Wakes for this operation alone; for everything if `nil`.
        let operation: UUID?
        let continuation: AsyncStream<Void>.Continuation
    }

    fileprivate struct State {
        var next = 0
        var closed = false
        var events: [Int: AsyncStream<Event>.Continuation] = [:]
        var wakers: [Int: Waker] = [:]
        var pause: QueueState.Pause?
        var report: SyncReport?
    }

    private let state = Locked(State())

    /// Why syncing pauses, and how its last run went.
    var sync: (pause: QueueState.Pause?, report: SyncReport?) {
        state.with { ($0.pause, $0.report) }
    }

    /// Everything from now on.
    func events() -> AsyncStream<Event> {
        let (stream, continuation) = AsyncStream.makeStream(of: Event.self, bufferingPolicy: .bufferingNewest(Self.eventsMax))
        let id: Int? = state.with { state in
            guard !state.closed else { return nil }
            state.next += 1
            state.events[state.next] = continuation
            return state.next
        }
        guard let id else {
            continuation.finish()
            return stream
        }
        continuation.onTermination = { [weak self] _ in self?.state.with { _ = $0.events.removeValue(forKey: id) } }
        return stream
    }

    /// Wakes at once, and whenever there may be something new to read.
    func wakes(for operation: UUID?) -> AsyncStream<Void> {
        let (stream, continuation) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        let id: Int? = state.with { state in
            guard !state.closed else { return nil }
            state.next += 1
            state.wakers[state.next] = Waker(operation: operation, continuation: continuation)
            return state.next
        }
        guard let id else {
            continuation.finish()
            return stream
        }
        continuation.onTermination = { [weak self] _ in self?.state.with { _ = $0.wakers.removeValue(forKey: id) } }
        continuation.yield()
        return stream
    }

    func onEvents(events: [Event]) throws {
        var changed: Set<UUID> = []
        for event in events {
            if case .operationChanged(let id, _) = event { changed.insert(id) }
        }
        let (listeners, wakers) = state.with { state in
            for event in events { state.note(event) }
            return (Array(state.events.values), Array(state.wakers.values))
        }
        // Outside the lock: what is yielded to may end here, and then asks for the lock.
        for listener in listeners {
            for event in events { listener.yield(event) }
        }
        for waker in wakers {
            guard let operation = waker.operation, !changed.contains(operation) else {
                waker.continuation.yield()
                continue
            }
        }
    }

    func onMissed(count: UInt64) throws {
        wakeAll()
    }

    /// There may be something new of everything.
    func wakeAll() {
        for waker in state.with({ Array($0.wakers.values) }) { waker.continuation.yield() }
    }

    /// The person signed in, or the app was updated.
    func forgetPause() {
        state.with { $0.pause = nil }
        wakeAll()
    }

    /// Ends every stream, those asked for later too.
    func close() {
        let (listeners, wakers) = state.with { state in
            state.closed = true
            defer { (state.events, state.wakers) = ([:], [:]) }
            return (Array(state.events.values), Array(state.wakers.values))
        }
        for listener in listeners { listener.finish() }
        for waker in wakers { waker.continuation.finish() }
    }
}

extension EventHub.State {
    fileprivate mutating func note(_ event: Event) {
        switch event {
        case .operationChanged: break
        case .needsAuth: pause = .signIn
        case .upgradeRequired: pause = .upgrade
        case .copiedDevice: pause = .newDevice
        case .report(let run):
            report = run
            // A run that got answers was not paused.
            if run.exchanges > 0, run.reason != .needsAuth, run.reason != .upgradeRequired { pause = nil }
        }
    }
}
