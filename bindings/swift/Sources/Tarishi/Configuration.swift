// How an app sets a client up.

import Foundation

/// How a client is set up. Three things are needed: a file, a server and where tokens come from.
///
/// ```swift
/// let configuration = Configuration(
///     database: try Configuration.database(named: "amina"),
///     serverURL: URL(string: "https://pay.example.org")!,
///     tokens: StaticToken("td_…"))
/// ```
public struct Configuration: Sendable {
    /// The database; one per account, outside the system's backups. ``database(named:)`` gives a good place.
    public var database: URL
    /// The companion server.
    public var serverURL: URL
    /// Where tokens come from; see ``Tokens`` and ``StaticToken``.
    public var tokens: any TokenSource
    /// The account; if `nil`, the server is asked once whose token it is.
    public var account: String?
    /// Says what network there is. On Apple's platforms a `PathMonitor` unless you say otherwise; elsewhere none, and the library
    /// finds out by trying.
    public var networkMonitor: (any NetworkMonitor)? = Configuration.platformNetworkMonitor()
    /// Keeps the key that seals payloads and outcomes at rest, such as `KeychainKeyStore`; if `nil`, they are not sealed.
    public var keyStore: (any KeyStore)?
    /// The HTTP to use, such as ``URLSessionTransport``; if `nil`, the library's own.
    public var transport: (any HttpTransport)?
    /// Certificates to trust or to insist on, for the library's own HTTP.
    public var tls: TlsOptions?
    /// Sync on metered networks at all.
    public var syncOnMetered = true
    /// Bytes a day on metered networks, at most; no limit if `nil`.
    public var meteredBytesPerDay: UInt64?
    /// Operations that have not ended, at most; a million if `nil`.
    public var quotaOperations: UInt64?
    /// Bytes of their payloads, at most; 1 GiB if `nil`.
    public var quotaBytes: UInt64?
    /// How long ended operations stay readable, in seconds; 30 days if `nil`.
    public var retention: TimeInterval?
    /// A clock for tests; `TarishiTestKit` sets it.
    public var clock: TestClock?
    /// A server in memory for tests; `TarishiTestKit` sets it.
    public var server: ScriptedServer?

    /// A configuration with what is needed; all else has a default and can be set on it.
    public init(database: URL, serverURL: URL, tokens: any TokenSource) {
        self.database = database
        self.serverURL = serverURL
        self.tokens = tokens
    }

    /// The same with a closure that gives the token; `rejected` is the one the server just refused. Throw
    /// ``TarishiBindings/ClientError/SignIn`` if the person must sign in.
    public init(database: URL, serverURL: URL, token: @escaping @Sendable (_ rejected: String?) async throws -> String) {
        self.init(database: database, serverURL: serverURL, tokens: Tokens(token))
    }

    /// A place for an account's database: in Application Support, readable after the first unlock, left out of backups. A restored
    /// copy would speak for two phones.
    public static func database(named account: String) throws -> URL {
        let files = FileManager.default
        let support = try files.url(for: .applicationSupportDirectory, in: .userDomainMask, appropriateFor: nil, create: true)
        var folder = support.appendingPathComponent("Tarishi", isDirectory: true)
        try files.createDirectory(at: folder, withIntermediateDirectories: true)
        #if canImport(Darwin)
            var values = URLResourceValues()
            values.isExcludedFromBackup = true
            try folder.setResourceValues(values)
        #endif
        #if os(iOS)
            let protection = FileProtectionType.completeUntilFirstUserAuthentication
            try files.setAttributes([.protectionKey: protection], ofItemAtPath: folder.path)
        #endif
        // An account's name may hold anything; a file's name may not.
        let name = account.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? "account"
        folder.appendPathComponent("\(name).db")
        return folder
    }

    /// The monitor of the platform, where there is one.
    public static func platformNetworkMonitor() -> (any NetworkMonitor)? {
        #if canImport(Network)
            PathMonitor()
        #else
            nil
        #endif
    }

    var options: ClientOptions {
        ClientOptions(
            database: database.path,
            serverUrl: serverURL.absoluteString,
            account: account,
            quotaOperations: quotaOperations,
            quotaBytes: quotaBytes,
            meteredBytesPerDay: meteredBytesPerDay,
            syncOnMetered: syncOnMetered,
            retention: retention?.asDuration,
            tls: tls
        )
    }
}
