// The app's own code throws, blocks and goes away: nothing crashes, nothing is lost.

import Foundation
import Synchronization
import Tarishi
import TarishiTestKit
import Testing

private final class ThrowingTokens: TokenSource {
    let throwing = Atomic<Bool>(true)

    func token(rejected: String?) async throws -> String {
        if throwing.load(ordering: .sequentiallyConsistent) { throw AppDefect() }
        return "t1"
    }

    func rotated(token: String) async throws { throw AppDefect() }
}

private final class ThrowingTransport: HttpTransport {
    func send(request: HttpRequest) async throws -> HttpResponse { throw AppDefect() }
}

private final class ThrowingKeyStore: KeyStore {
    func sealKey(database: String) throws -> Data { throw AppDefect() }
}

private final class ShortKey: KeyStore {
    func sealKey(database: String) throws -> Data { Data([1, 2, 3]) }
}

private final class Monitor: NetworkMonitor {
    let throwing: Bool
    let stops = Atomic<Int>(0)
    let sink = Mutex<NetworkSink?>(nil)

    init(throwing: Bool) { self.throwing = throwing }

    func start(sink: NetworkSink) throws {
        if throwing { throw AppDefect() }
        self.sink.withLock { $0 = sink }
        sink.changed(network: .offline)
    }

    func stop() throws {
        stops.add(1, ordering: .sequentiallyConsistent)
        throw AppDefect()
    }
}

private final class ThrowingLogger: Logger {
    let records = Atomic<Int>(0)

    func onRecords(records: [LogRecord]) throws {
        self.records.add(records.count, ordering: .sequentiallyConsistent)
        throw AppDefect()
    }
}

private final class Listener: EventListener {
    let events = Atomic<Int>(0)
    let missed = Atomic<Int>(0)
    let act: @Sendable () throws -> Void

    init(_ act: @escaping @Sendable () throws -> Void) { self.act = act }

    func onEvents(events: [Event]) throws {
        self.events.add(events.count, ordering: .sequentiallyConsistent)
        try act()
    }

    func onMissed(count: UInt64) throws {
        missed.add(Int(count), ordering: .sequentiallyConsistent)
        try act()
    }
}

@Suite("Robustness")
struct RobustnessTests {
    private func client(_ phone: TestPhone, _ configure: (inout Configuration) -> Void) throws -> TarishiClient {
        var configuration = Configuration(
            database: phone.folder.appendingPathComponent("other.db"), serverURL: URL(string: "https://server.test")!,
            tokens: StaticToken("t1"))
        configuration.networkMonitor = nil
        configure(&configuration)
        return try TarishiClient.open(configuration)
    }

    @Test("a token source that throws pauses nothing for ever")
    func tokenSource() async throws {
        let phone = try TestPhone()
        let tokens = ThrowingTokens()
        let client = try client(phone) {
            $0.tokens = tokens
            $0.server = phone.server.scripted
        }
        let operation = try await client.enqueue(sms("a"))
        #expect(try await !client.sync(deadline: 1).complete)
        tokens.throwing.store(false, ordering: .sequentiallyConsistent)
        phone.server.rotate(token: "t2")
        try client.tokenChanged()
        #expect(try await client.sync(deadline: 10).complete)
        #expect(try await client.get(operation.id)?.state == .accepted)
    }

    @Test("a transport that throws loses nothing")
    func transport() async throws {
        let phone = try TestPhone()
        let client = try client(phone) { $0.transport = ThrowingTransport() }
        let operation = try await client.enqueue(sms("a"))
        #expect(try await !client.sync(deadline: 1).complete)
        let state = try #require(try await client.get(operation.id)?.state)
        #expect(state == .pending || state == .inFlight)
    }

    @Test("a panic in the library is an error of the call, and nothing is lost")
    func panicInside() async throws {
        let phone = try TestPhone()
        let operation = try await phone.client.enqueue(sms("a"))
        phone.server.panic()
        let error = await thrown { try await phone.client.sync() }
        guard case .Bug? = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(try await phone.client.sync().accepted == 1)
        #expect(try await phone.client.get(operation.id)?.state == .accepted)
    }

    @Test("a key store that throws or gives a short key is an error of open")
    func keyStore() async throws {
        let phone = try TestPhone()
        for store: any KeyStore in [ThrowingKeyStore(), ShortKey()] {
            let error = await thrown { _ = try client(phone) { $0.keyStore = store } }
            #expect(error != nil)
        }
        _ = try client(phone) { _ in }
    }

    @Test("a network monitor is started and stopped, and what it throws harms nobody")
    func networkMonitor() async throws {
        let phone = try TestPhone()
        let throwing = Monitor(throwing: true)
        #expect(await thrown { _ = try client(phone) { $0.networkMonitor = throwing } } != nil)
        let monitor = Monitor(throwing: false)
        do {
            let client = try client(phone) {
                $0.networkMonitor = monitor
                $0.server = phone.server.scripted
            }
            let operation = try await client.enqueue(sms("a"))
            try await client.sync(deadline: 1)
            #expect(try await client.why(operation.id).reason == .offline)
            monitor.sink.withLock { $0 }?.changed(network: .unmetered)
            #expect(try await client.sync(deadline: 10).accepted == 1)
            client.close()
        }
        try await eventually { monitor.stops.load(ordering: .sequentiallyConsistent) == 1 }
        monitor.sink.withLock { $0 }?.changed(network: .metered)
    }

    @Test("a logger that throws is called again")
    func logger() async throws {
        let logger = ThrowingLogger()
        try setLogger(logger: logger, level: .debug)
        let phone = try TestPhone()
        try await phone.client.enqueue(sms("a"))
        try await phone.client.sync()
        phone.server.status(500)
        try await phone.client.enqueue(sms("b"))
        try await phone.client.sync(deadline: 1)
        #expect(try await phone.client.stats()[.accepted] == 1)
    }

    @Test("a listener that throws hears on")
    func throwingListener() async throws {
        let phone = try TestPhone()
        let bindings = try Client.open(
            options: ClientOptions(database: phone.folder.appendingPathComponent("outbox.db").path, serverUrl: "https://server.test"),
            tokenSource: phone.tokens)
        let listener = Listener { throw AppDefect() }
        let subscription = try bindings.events(listener: listener)
        for key in ["a", "b", "c"] {
            let before = listener.events.load(ordering: .sequentiallyConsistent)
            try await phone.client.enqueue(sms(key))
            try await eventually { listener.events.load(ordering: .sequentiallyConsistent) > before }
        }
        subscription.cancel()
    }

    @Test("a listener that blocks holds up neither the library nor other listeners, and is told what it missed")
    func slowListener() async throws {
        let phone = try TestPhone()
        let bindings = try Client.open(
            options: ClientOptions(database: phone.folder.appendingPathComponent("outbox.db").path, serverUrl: "https://server.test"),
            tokenSource: phone.tokens)
        let gate = Gate()
        let slow = Listener { gate.pass() }
        let subscription = try bindings.events(listener: slow)
        try await phone.client.enqueue(sms("first"))
        try await eventually { gate.visits == 1 }
        // The slow one stands in the gate: everything else goes on.
        for list in 0..<8 { try await phone.client.enqueue((0..<1000).map { sms("\(list)-\($0)") }) }
        let last = try await phone.client.enqueue(sms("last"))
        phone.server.succeed(key: "first")
        try await phone.client.sync(deadline: 1)
        #expect(try await phone.client.get(last.id) != nil)
        #expect(gate.visits == 1)
        gate.open()
        try await eventually { gate.visits > 1 }
        try await eventually {
            slow.events.load(ordering: .sequentiallyConsistent) + slow.missed.load(ordering: .sequentiallyConsistent) >= 8000
        }
        subscription.cancel()
    }

    @Test("a client let go of in the middle of a sync ends it and loses nothing")
    func droppedWhileSyncing() async throws {
        let phone = try TestPhone()
        let (server, database) = (TestServer(), phone.folder.appendingPathComponent("dropped.db"))
        server.hang()
        let open = {
            try client(phone) {
                $0.database = database
                $0.server = server.scripted
                $0.clock = phone.clock
            }
        }
        var dropped: TarishiClient? = try open()
        let operation = try #require(try await dropped?.enqueue(sms("a")))
        let syncing = Task { [weak dropped] in try await dropped?.sync(deadline: 60) }
        try await eventually { try await dropped?.get(operation.id)?.state == .inFlight }
        dropped?.close()
        dropped = nil
        syncing.cancel()
        _ = await syncing.result

        let again = try open()
        phone.clock.advance(by: 600)
        #expect(try await again.sync().complete)
        #expect(try await again.get(operation.id)?.state == .accepted)
    }

    @Test("two clients on one file are one queue")
    func twoClients() async throws {
        let phone = try TestPhone()
        let other = try client(phone) { $0.database = phone.folder.appendingPathComponent("outbox.db") }
        let mine = try await phone.client.enqueue(sms("a"))
        let theirs = try await other.enqueue(sms("b"))
        #expect(try await other.get(mine.id) == mine)
        #expect(try await phone.client.get(theirs.id) == theirs)
        phone.client.close()
        #expect(try await other.sync().accepted == 2)
    }

    @Test("ten thousand rapid enqueues from sixteen threads are all there")
    func rapidEnqueues() async throws {
        let phone = try TestPhone()
        let ids = try await withThrowingTaskGroup(of: [UUID].self) { group in
            for thread in 0..<16 {
                group.addTask {
                    var ids: [UUID] = []
                    for number in 0..<625 { ids.append(try await phone.client.enqueue(sms("t\(thread)-\(number)")).id) }
                    return ids
                }
            }
            return try await group.reduce(into: Set<UUID>()) { $0.formUnion($1) }
        }
        #expect(ids.count == 10_000)
        #expect(try await phone.client.stats()[.pending] == 10_000)
        var keys: Set<String> = []
        var after: UInt64?
        while case let page = try await phone.client.list(Filter(after: after, limit: 1000)), let last = page.last {
            keys.formUnion(page.map(\.key))
            after = last.seq
        }
        #expect(keys.count == 10_000)
    }

    @Test("a wrong id is an error or nothing, never a crash")
    func wrongID() async throws {
        let phone = try TestPhone()
        let id = UUID()
        #expect(try await phone.client.get(id) == nil)
        let calls: [() async throws -> Void] = [
            { try await phone.client.cancel(id) }, { try await phone.client.retry(id) }, { _ = try await phone.client.why(id) },
            { try await phone.client.replace(id, with: sms("a")) },
        ]
        for call in calls {
            guard case .FixInput("id", "not_found", _) = await thrown(by: call) else { return #expect(Bool(false)) }
        }
    }

    @Test("a payload that is no JSON and an answer that is nonsense are errors")
    func nonsense() async throws {
        let phone = try TestPhone()
        var operation = sms("a")
        operation.payload = "{"
        guard case .FixInput = await thrown(by: { try await phone.client.enqueue(operation) }) else { return #expect(Bool(false)) }
        phone.server.step(["status": 200, "body": "nonsense"])
        try await phone.client.enqueue(sms("b"))
        #expect(try await !phone.client.sync(deadline: 1).complete)
        guard case .FixInput = await thrown(by: { try phone.server.script([["surprise": true]]) }) else { return #expect(Bool(false)) }
    }

    @Test("what the app's code throws surfaces as a bug that names it")
    func defects() async throws {
        let phone = try TestPhone()
        let error = await thrown { _ = try client(phone) { $0.keyStore = ThrowingKeyStore() } }
        guard case .Bug(let reason) = error else { return #expect(Bool(false), "\(String(describing: error))") }
        #expect(reason.contains("AppDefect"))
    }

    @Test("numbers beyond all reason are errors or limits, never a crash")
    func extremes() async throws {
        let phone = try TestPhone()
        var operation = sms("a")
        operation.version = .max
        operation.ttl = .greatestFiniteMagnitude
        operation.blobs = [BlobRef(id: "b", sha256: String(repeating: "0", count: 64), size: .max)]
        _ = await thrown { try await phone.client.enqueue(operation) }
        _ = await thrown { _ = try await phone.client.list(Filter(after: .max, limit: .max)) }
        _ = await thrown { _ = try await phone.client.list(Filter(limit: 0)) }
        _ = try? client(phone) {
            $0.quotaOperations = .max
            $0.quotaBytes = .max
            $0.meteredBytesPerDay = .max
            $0.retention = .infinity
        }
        phone.clock.setWallMs(wallMs: .max)
        phone.clock.advance(by: 9e15)
        _ = await thrown { try await phone.client.enqueue(sms("b")) }
        _ = try await phone.client.stats()
    }
}
