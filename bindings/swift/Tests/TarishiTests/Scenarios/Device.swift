// The device of one scenario: a client on a file of its own, its tokens, its clock, and everything it was told.

import Foundation
import Synchronization
import Tarishi
import TarishiTestKit

/// Tokens as a scenario sets them.
final class ScenarioTokens: TokenSource {
    struct Now {
        var current = "t1"
        var next: [String] = []
        var signIn = false
    }

    let now = Mutex(Now())

    func token(rejected: String?) async throws -> String {
        try now.withLock { now in
            if now.signIn { throw ClientError.SignIn }
            if rejected == now.current {
                if now.next.isEmpty { throw ClientError.SignIn }
                now.current = now.next.removeFirst()
            }
            return now.current
        }
    }

    func rotated(token: String) async throws {
        now.withLock { $0.current = token }
    }
}

/// A key that is always the same; nothing depends on its bytes.
final class FixedKey: KeyStore {
    func sealKey(database: String) throws -> Data { Data(repeating: 7, count: 32) }
}

/// Keeps what it was told.
final class EventLog: Sendable {
    private let kept = Mutex<[JSONValue]>([])

    var all: JSONValue { .array(kept.withLock { $0 }) }

    func listen(to events: AsyncStream<Event>) {
        Task {
            for await event in events { kept.withLock { $0.append(Words.event(event)) } }
        }
    }
}

/// The device.
final class Device {
    private(set) var client: TarishiClient
    let tokens: ScenarioTokens
    let clock: TestClock?
    let log: EventLog
    private let folder: URL
    private var crashes = 0
    private let options: ScenarioOptions
    private let road: Road
    private let server: ScenarioServer

    init(_ options: ScenarioOptions, road: Road, server: ScenarioServer) throws {
        self.options = options
        self.road = road
        self.server = server
        tokens = ScenarioTokens()
        log = EventLog()
        clock = options.clock.map { TestClock(wallMs: Int64($0.timeIntervalSince1970 * 1000)) }
        folder = FileManager.default.temporaryDirectory.appendingPathComponent("tarishi-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder.appendingPathComponent("0"), withIntermediateDirectories: true)
        client = try Self.open(
            folder.appendingPathComponent("0"), options: options, road: road, server: server, tokens: tokens, clock: clock)
        log.listen(to: client.events)
    }

    deinit {
        client.close()
        try? FileManager.default.removeItem(at: folder)
    }

    private static func open(
        _ place: URL, options: ScenarioOptions, road: Road, server: ScenarioServer, tokens: ScenarioTokens, clock: TestClock?
    ) throws -> TarishiClient {
        var configuration = Configuration(
            database: place.appendingPathComponent("queue.db"), serverURL: server.url, tokens: tokens)
        configuration.networkMonitor = nil
        configuration.account = options.account
        configuration.quotaOperations = options.quotaOperations
        configuration.syncOnMetered = options.syncOnMetered ?? true
        configuration.meteredBytesPerDay = options.meteredBytesPerDay
        configuration.retention = options.retention
        configuration.keyStore = options.seal ? FixedKey() : nil
        configuration.clock = clock
        switch (road, server) {
        case (_, .memory(let scripted)): configuration.server = scripted
        case (.urlSession, _): configuration.transport = URLSessionTransport()
        case (.library, _), (.memory, _): break
        }
        return try TarishiClient.open(configuration)
    }

    private var place: URL { folder.appendingPathComponent("\(crashes)") }

    private func start() throws {
        client = try Self.open(place, options: options, road: road, server: server, tokens: tokens, clock: clock)
        log.listen(to: client.events)
    }

    /// The app ends and is started again.
    func closeAndOpen() throws {
        client.close()
        try start()
    }

    /// The app dies: its files, as they are in the middle of its work, are all that is left.
    func crashAndOpen() throws {
        let before = place
        crashes += 1
        try FileManager.default.copyItem(at: before, to: place)
        client.close()
        try start()
    }
}
