// The client: its life and its verbs.

import Foundation

/// A phone's queue and its sync. It may be used from any thread or task; the same file opened twice is the same queue.
///
/// ```swift
/// let client = try TarishiClient.open(configuration)
/// try client.start()
/// let payment = try await client.enqueue(Mpesa.charge(
///     amount: .kes("1000.00"), phone: "+254712345678", reference: "FEES-2026-001", key: "fees-2026-001"))
/// for await state in client.states(payment.id) { show(state) }
/// ```
///
/// A call that stores something stores it even if its task is cancelled meanwhile. The long calls, ``sync(deadline:)``,
/// ``suspend(deadline:)``, ``logout(_:)`` and ``account()``, end early on cancellation and throw `CancellationError`.
public final class TarishiClient: Sendable {
    let hub = EventHub()
    private let opened: Locked<(client: Client, subscription: Subscription)?>

    private init(client: Client) throws {
        opened = Locked((client, try client.events(listener: hub)))
    }

    /// Opens the database, and makes it if it is not there. What the configuration holds, it keeps.
    public static func open(_ configuration: Configuration) throws -> TarishiClient {
        let client = try Client.open(
            options: configuration.options,
            tokenSource: configuration.tokens,
            transport: configuration.transport,
            networkMonitor: configuration.networkMonitor,
            keyStore: configuration.keyStore,
            clock: configuration.clock,
            server: configuration.server
        )
        return try TarishiClient(client: client)
    }

    deinit {
        letGo()
    }

    /// Ends the client and every stream of it; calls after it throw `ClientError.NotOpen`. What is queued stays on disk. Letting go
    /// of the last reference does the same.
    public func close() {
        letGo()
    }

    private func letGo() {
        let last = opened.with { opened in
            defer { opened = nil }
            return opened
        }
        last?.subscription.cancel()
        hub.close()
    }

    /// The generated client below this one.
    func bindings() throws -> Client {
        guard let client = opened.with({ $0?.client }) else { throw ClientError.NotOpen(reason: "closed") }
        return client
    }
}

// MARK: - Operations

extension TarishiClient {
    /// Stores one operation; it is on disk when this returns. A known key with the same content gives the operation there is.
    @discardableResult
    public func enqueue(_ operation: NewOperation) async throws -> OperationRecord {
        try await bindings().enqueue(operation: operation.sound)
    }

    /// Stores many in one transaction; each has its own result, in the order given.
    @discardableResult
    public func enqueue(_ operations: [NewOperation]) async throws -> [Result<OperationRecord, ClientError>] {
        try await bindings().enqueueMany(operations: operations.map(\.sound)).map { result in
            switch result {
            case .stored(let record): .success(record)
            case .refused(let error): .failure(error)
            }
        }
    }

    /// One operation, if the device knows it.
    public func get(_ id: UUID) async throws -> OperationRecord? {
        try await bindings().get(id: id)
    }

    /// A page of operations, oldest first.
    public func list(_ filter: Filter = Filter()) async throws -> [OperationRecord] {
        try await bindings().list(filter: filter)
    }

    /// Cancels at once what was never sent; else the server is asked with every request until it answers.
    @discardableResult
    public func cancel(_ id: UUID) async throws -> CancelOutcome {
        try await bindings().cancel(id: id)
    }

    /// Cancels and enqueues anew with another payload, to run only if the first never does. The key and everything but the payload
    /// of `operation` are ignored: they are those of the first.
    @discardableResult
    public func replace(_ id: UUID, with operation: NewOperation) async throws -> OperationRecord {
        try await bindings().replace(id: id, payload: operation.payload)
    }

    /// A new try after a definite end without the effect; asking twice gives the same new operation.
    @discardableResult
    public func retry(_ id: UUID) async throws -> OperationRecord {
        try await bindings().retry(id: id)
    }

    /// What an operation waits for.
    public func why(_ id: UUID) async throws -> Why {
        try await bindings().why(id: id)
    }

    /// How many operations stand where.
    public func stats() async throws -> [DeviceState: Int] {
        let stats = try await bindings().stats()
        return stats.reduce(into: [:]) { counts, stat in
            if let state = DeviceState(word: stat.key) { counts[state] = Int(stat.value) }
        }
    }
}

// MARK: - Sync

extension TarishiClient {
    /// From now on the library syncs by itself whenever there is something to do.
    public func start() throws {
        try bindings().start()
    }

    /// Stops syncing by itself.
    public func stop() async throws {
        try await bindings().stop()
    }

    /// Exchanges with the server until all is exchanged or the deadline, in seconds, comes. A network that fails is no error: the
    /// report says what is left.
    @discardableResult
    public func sync(deadline: TimeInterval = 30) async throws -> SyncReport {
        let client = try bindings()
        return try await stoppable { stop in try await client.sync(deadline: deadline.asDuration, stop: stop) }
    }

    /// Lets go of every lock on the database within the deadline, in seconds: iOS ends apps that hold one while suspended. If the
    /// task is cancelled, this stops waiting, and the database is still let go of.
    public func suspend(deadline: TimeInterval = 5) async throws {
        let client = try bindings()
        try await abandonable { try await client.suspend(deadline: deadline.asDuration) }
    }

    /// Goes on after ``suspend(deadline:)``.
    public func resume() async throws {
        try await bindings().resume()
        hub.wakeAll()
    }

    /// Signs out; the client syncs no more. What was never sent, maybe sent and still running is counted apart. A drain whose task
    /// is cancelled leaves the person signed in.
    @discardableResult
    public func logout(_ how: Logout) async throws -> LogoutReport {
        let client = try bindings()
        var how = how
        if case .drain(let deadline) = how { how = .drain(deadline: deadline.asDuration) }
        return try await stoppable { [how] stop in try await client.logout(how: how, stop: stop) }
    }

    /// The person signed in again, or the token source has another token: a paused sync goes on.
    public func tokenChanged() throws {
        try bindings().tokenChanged()
        hub.forgetPause()
    }

    /// Tells what network there is; for apps that have no ``Configuration/networkMonitor``.
    public func setNetwork(_ network: Network) throws {
        try bindings().setNetwork(network: network)
    }

    /// Tells whether the person looks at the app: then answers are awaited at the server.
    public func setForeground(_ foreground: Bool) throws {
        try bindings().setForeground(foreground: foreground)
    }
}

// MARK: - The rest

extension TarishiClient {
    /// Whose queue this is; asks the server if nobody knows yet.
    public func account() async throws -> String {
        let client = try bindings()
        return try await stoppable { stop in try await client.account(stop: stop) }
    }

    /// A notification reached the device. True: show it. False: a double, which came by another try or channel; do not. The
    /// server is told of the first one with the next exchange.
    public func notificationReceived(_ id: String) async throws -> Bool {
        try await bindings().notificationReceived(id: id)
    }

    /// The person opened a notification, so it was received too; the server is told once, with the next exchange.
    public func notificationOpened(_ id: String) async throws {
        try await bindings().notificationOpened(id: id)
    }

    /// Was this notification received or opened here before? Notes nothing and tells nobody.
    public func notificationKnown(_ id: String) async throws -> Bool {
        try await bindings().notificationKnown(id: id)
    }

    /// A text to send to support: no secrets, no phone numbers, no payloads.
    public func report() async throws -> String {
        try await bindings().report()
    }

    /// A damaged database was set aside when this client was opened, and a new one took over what could be read.
    public var recovery: Recovery? {
        get throws { try bindings().recovery() }
    }
}

extension NewOperation {
    /// With a time to live that the library takes.
    fileprivate var sound: NewOperation {
        var operation = self
        operation.ttl = ttl?.asDuration
        return operation
    }
}
