package io.tarishi.testkit

import io.tarishi.ClientBuilder
import io.tarishi.Network
import io.tarishi.SyncReport
import io.tarishi.TarishiClient
import io.tarishi.TestClock
import java.io.File
import java.nio.file.Files
import kotlin.time.Duration
import kotlin.time.Duration.Companion.seconds
import kotlin.time.toJavaDuration

/**
 * A phone for an app's unit tests: a real client on a file of its own, with a clock that stands still, a switch for the network
 * and a server in memory that does as it is told. No test needs to sleep, and none needs the internet.
 *
 * ```
 * @Test
 * fun `a payment made on the bus goes out at home`() = runBlocking<Unit> {
 *     TestPhone.open().use { phone ->
 *         phone.offline()
 *         val payment = phone.client.enqueue(Mpesa.charge(kes("500.00"), "+254712345678", "FEE-1", key = "fee-1"))
 *         phone.online()
 *         phone.server.succeed("fee-1", """{"receipt":"TKQ12AB34C"}""")
 *         phone.sync()
 *         assertTrue(phone.client.awaitEnd(payment.id).succeeded)
 *     }
 * }
 * ```
 */
public class TestPhone private constructor(
    private val folder: File,
    private val configure: ClientBuilder.() -> Unit,
) : AutoCloseable {
    private val switch = NetworkSwitch()

    /** The server; it outlives restarts. */
    public val server: TestServer = TestServer()

    /** The clock, at 2026-01-05 08:00 UTC to begin with. */
    public val clock: TestClock = TestClock(START_MS)

    /** The client; another one after [restart]. */
    public var client: TarishiClient = openClient()
        private set

    /** The database. */
    public val database: File get() = File(folder, "tarishi.db")

    /** No network. */
    public fun offline(): Unit = switch(Network.OFFLINE)

    /** A network that costs nothing. */
    public fun online(): Unit = switch(Network.UNMETERED)

    /** A network that costs by the byte. */
    public fun metered(): Unit = switch(Network.METERED)

    /** Lets time pass. */
    public fun advance(by: Duration): Unit = clock.advance(by.toJavaDuration())

    /**
     * One run of sync. If it meets a failure it waits, as on a phone, by the clock, which stands still: so it comes back at the
     * deadline without having tried again. The next run does.
     */
    public suspend fun sync(deadline: Duration = 1.seconds): SyncReport = client.sync(deadline)

    /** The app is ended and started again: the old client is closed, and a new one opens the same file. */
    public fun restart(): TarishiClient {
        client.close()
        client = openClient()
        return client
    }

    /** Closes the client and deletes the file. */
    override fun close() {
        client.close()
        server.close()
        clock.close()
        folder.deleteRecursively()
    }

    private fun switch(to: Network) {
        server.unreachable(to == Network.OFFLINE)
        switch.to(to)
    }

    private fun openClient(): TarishiClient =
        TarishiClient.open(database.path, "https://scripted.invalid") {
            token("test")
            configure()
            network(switch)
            clock(clock)
            server(server.scripted)
        }

    /** Opens phones. */
    public companion object {
        private const val START_MS = 1_767_600_000_000

        /** A phone on a file in a new temporary folder. [configure] may set what an app sets, such as its own tokens. */
        public fun open(configure: ClientBuilder.() -> Unit = {}): TestPhone =
            TestPhone(Files.createTempDirectory("tarishi").toFile(), configure)
    }
}
