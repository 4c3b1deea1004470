// A phone for an app's own unit tests: a client on a file of its own, with a clock that stands still, a switch for the network and a
// server that does as it is told.

import Foundation
@_exported import Tarishi

/// A phone in a test.
///
/// ```swift
/// let phone = try TestPhone()
/// phone.offline()
/// let payment = try await phone.client.enqueue(Mpesa.charge(
///     amount: .kes("1000.00"), phone: "+254712345678", reference: "F-1", key: "f-1"))
/// phone.online()
/// phone.server.succeed(key: "f-1", outcome: ["receipt": "QK1"])
/// try await phone.client.sync()
/// #expect(try await phone.client.get(payment.id)?.state == .succeeded)
/// ```
///
/// Its folder goes when the phone goes.
public final class TestPhone: @unchecked Sendable {
    // Unchecked for `current`, which only goes through the lock.

    /// The server.
    public let server: TestServer
    /// The phone's clock.
    public let clock: TestClock
    /// The token in use: `t1` at first.
    public let tokens = StaticToken("t1")
    /// Where the database is.
    public let folder: URL

    private let configuration: Configuration
    private let lock = NSLock()
    private var current: TarishiClient

    /// A phone whose clock stands at `now`; `configure` sees the configuration before it is used.
    public init(
        now: Date = Date(timeIntervalSince1970: 1_772_352_000), server: TestServer = TestServer(),
        configure: (inout Configuration) -> Void = { _ in }
    ) throws {
        self.server = server
        clock = TestClock(wallMs: Int64(now.timeIntervalSince1970 * 1000))
        folder = FileManager.default.temporaryDirectory.appendingPathComponent("tarishi-\(UUID().uuidString)", isDirectory: true)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        var configuration = Configuration(
            database: folder.appendingPathComponent("outbox.db"), serverURL: URL(string: "https://server.test")!, tokens: tokens)
        // What the machine's real network does is no part of a test.
        configuration.networkMonitor = nil
        configuration.clock = clock
        configuration.server = server.scripted
        configure(&configuration)
        self.configuration = configuration
        current = try TarishiClient.open(configuration)
    }

    deinit {
        current.close()
        try? FileManager.default.removeItem(at: folder)
    }

    /// The client.
    public var client: TarishiClient {
        lock.lock()
        defer { lock.unlock() }
        return current
    }

    /// Ends the app and starts it again: another client on the same file.
    public func restart() throws {
        lock.lock()
        defer { lock.unlock() }
        current.close()
        current = try TarishiClient.open(configuration)
    }

    /// There is no network, and the server is out of reach.
    public func offline() {
        server.unreachable(true)
        try? client.setNetwork(.offline)
    }

    /// There is a network that costs nothing.
    public func online() {
        server.unreachable(false)
        try? client.setNetwork(.unmetered)
    }

    /// There is a network that costs by the byte.
    public func metered() {
        server.unreachable(false)
        try? client.setNetwork(.metered)
    }
}
