package io.tarishi

import kotlin.time.Duration

/** Marks the builder, so that its functions are not called from lambdas inside it. */
@DslMarker
public annotation class TarishiDsl

/** How a client is set up: the receiver of the block of [TarishiClient.open]. Only the tokens are needed. */
@TarishiDsl
public class ClientBuilder internal constructor(private val database: String, private val serverUrl: String) {
    private var tokens: TokenSource? = null
    private var rotated: suspend (String) -> Unit = {}
    private var network: NetworkMonitor? = null
    private var keys: KeyStore? = null
    private var transport: HttpTransport? = null
    private var tls: TlsOptions? = null
    private var testClock: TestClock? = null
    private var testServer: ScriptedServer? = null
    private var onException: (Throwable) -> Unit = {}

    /** The account; if not said, the server is asked once whose token it is. */
    public var account: String? = null

    /** How long ended operations stay readable; 30 days if not said. */
    public var retention: Duration? = null

    /** Operations that have not ended, at most; a million if not said. */
    public var quotaOperations: Long? = null

    /** Bytes of their payloads, at most; 1 GiB if not said. */
    public var quotaBytes: Long? = null

    /** Bytes a day on metered networks, at most; no limit if not said. */
    public var meteredBytesPerDay: Long? = null

    /** Whether to sync on metered networks at all. */
    public var syncOnMetered: Boolean = true

    /** Where device tokens come from. */
    public fun tokens(source: TokenSource) {
        tokens = source
    }

    /**
     * Where device tokens come from. `rejected` is the one that the server just refused, else `null`. Throw
     * [ClientException.SignIn] if the person must sign in, [ClientException.Wait] if there is no token right now.
     */
    public fun tokens(token: suspend (rejected: String?) -> String) {
        tokens = object : TokenSource {
            override suspend fun token(rejected: String?): String = token(rejected)

            override suspend fun rotated(token: String) = this@ClientBuilder.rotated(token)
        }
    }

    /** One token for good: for trials and tests. Refused, it means signing in. */
    public fun token(token: String): Unit = tokens { rejected ->
        if (rejected == token) throw ClientException.SignIn() else token
    }

    /** Called when the server rotates the token: store this one. The old one stays good for a while. Goes with the lambda. */
    public fun onTokenRotated(store: suspend (token: String) -> Unit) {
        rotated = store
    }

    /** What tells the network's state: `ConnectivityMonitor` on Android. */
    public fun network(monitor: NetworkMonitor) {
        network = monitor
    }

    /** Where the key lies that seals payloads and outcomes at rest: `KeystoreKeyStore` on Android. */
    public fun keys(store: KeyStore) {
        keys = store
    }

    /** HTTP by the platform, such as [UrlConnectionTransport]; the library's own if not said. */
    public fun transport(http: HttpTransport) {
        transport = http
    }

    /**
     * What the library's own HTTP trusts. [roots] are certificates (DER) of authorities, trusted beside the usual ones; [pins]
     * are SHA-256 of the server certificate's SubjectPublicKeyInfo, of which one must match if there are any.
     */
    public fun tls(roots: List<ByteArray> = emptyList(), pins: List<ByteArray> = emptyList()) {
        tls = TlsOptions(roots, pins)
    }

    /** Hears exceptions that the app's own lambdas and objects threw at the library, which turns them into errors. */
    public fun onException(hear: (Throwable) -> Unit) {
        onException = hear
    }

    /** A clock for tests. */
    public fun clock(clock: TestClock) {
        testClock = clock
    }

    /** A server for tests, in memory. */
    public fun server(server: ScriptedServer) {
        testServer = server
    }

    internal fun open(): TarishiClient {
        val guard = Guard(onException)
        val source = requireNotNull(tokens) { "the client needs tokens { … }" }
        val options = ClientOptions(
            database = database,
            serverUrl = serverUrl,
            account = account,
            tls = tls,
            quotaOperations = quotaOperations?.toULong(),
            quotaBytes = quotaBytes?.toULong(),
            meteredBytesPerDay = meteredBytesPerDay?.toULong(),
            syncOnMetered = syncOnMetered,
            retention = retention?.bounded(),
        )
        return TarishiClient(
            Client.open(
                options,
                guard.tokens(source),
                transport = transport?.let(guard::transport),
                networkMonitor = network?.let(guard::network),
                keyStore = keys?.let(guard::keys),
                clock = testClock,
                server = testServer,
            ),
        )
    }
}
