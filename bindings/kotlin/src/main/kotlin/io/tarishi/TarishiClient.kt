package io.tarishi

import java.util.concurrent.ConcurrentHashMap
import java.util.concurrent.atomic.AtomicBoolean
import kotlin.time.Duration
import kotlin.time.Duration.Companion.seconds
import kotlinx.coroutines.CancellationException
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.firstOrNull

/**
 * An app's queue of operations and its sync with the companion server. One per account and process; hold it where the app's
 * singletons live.
 *
 * Every call may come from any thread. What [enqueue] returned is on disk, whatever happens next. Calls throw [ClientException]
 * and nothing else, except for coroutine cancellation; its variants say what the app can do, see [isTemporary].
 *
 * ```
 * val client = TarishiClient.open(File(noBackupFilesDir, "tarishi.db").path, "https://pay.example.org") {
 *     tokens { rejected -> session.deviceToken(rejected) }
 * }
 * client.start()
 * val payment = client.enqueue(Mpesa.charge(kes("1000.00"), phone, reference = "FEE-881", key = "fee-2026-1-881"))
 * client.states(payment.id).collect { show(it) }
 * ```
 */
public class TarishiClient internal constructor(private val core: Client) : AutoCloseable {
    private val hub = Hub(core)
    private val closed = AtomicBoolean(false)
    private val stops: MutableSet<Stop> = ConcurrentHashMap.newKeySet()

    /** Everything that happens from the start of the collection on. A collector that is 1,024 events late misses the oldest. */
    public val events: Flow<Event> = hub.events()

    /** What was done about a damaged database when this client was opened; `null` if it was sound. */
    public val recovery: Recovery? get() = now { core.recovery() }

    /** Stores one operation. It is on disk when this returns; once begun it is stored even if the caller is cancelled. */
    public suspend fun enqueue(operation: NewOperation): OperationRecord = call { core.enqueue(operation) }

    /** Stores many in one transaction. Each has its own result, in the order given; see [getOrThrow]. */
    public suspend fun enqueue(operations: List<NewOperation>): List<EnqueueResult> = call { core.enqueueMany(operations) }

    /** One operation, or `null` if the device does not know it. */
    public suspend fun get(id: OperationId): OperationRecord? = call { core.get(id) }

    /** A page of operations, oldest first. */
    public suspend fun list(filter: Filter = Filter()): List<OperationRecord> = call { core.list(filter) }

    /** Cancels at once what was never sent; else the server is asked with every sync until it answers. */
    public suspend fun cancel(id: OperationId): CancelOutcome = call { core.cancel(id) }

    /** Cancels an operation and enqueues it anew with the payload of [operation], to run only if the first never does. */
    public suspend fun replace(id: OperationId, operation: NewOperation): OperationRecord = replace(id, operation.payload)

    /** Cancels an operation and enqueues it anew with another payload, JSON text, to run only if the first never does. */
    public suspend fun replace(id: OperationId, payload: String): OperationRecord = call { core.replace(id, payload) }

    /** A new try after a definite end without the effect. Asking twice gives the same new operation. */
    public suspend fun retry(id: OperationId): OperationRecord = call { core.retry(id) }

    /** What an operation waits for. */
    public suspend fun why(id: OperationId): Why = call { core.why(id) }

    /**
     * Exchanges with the server until everything is exchanged or the deadline comes; for background jobs and "refresh".
     * Cancelling the coroutine ends it at once; nothing is lost.
     */
    public suspend fun sync(deadline: Duration = 30.seconds): SyncReport =
        stoppable { core.sync(deadline.bounded(), it) }

    /** How many operations stand where. */
    public suspend fun stats(): QueueState = call { QueueState.of(core.stats()) }

    /** A text to send to support: no secrets, no phone numbers, no payloads. */
    public suspend fun report(): String = call { core.report() }

    /** Drains and lets go of the database within the deadline. Android does not need it; other calls fail until [resume]. */
    public suspend fun suspend(deadline: Duration = 5.seconds): Unit = call { core.suspend(deadline.bounded()) }

    /** Goes on after [suspend]. */
    public suspend fun resume(): Unit = call {
        core.resume()
        hub.readAgain()
    }

    /** Signs out and counts what had not ended; the client syncs no more. */
    public suspend fun logout(how: Logout): LogoutReport = stoppable { core.logout(how, it) }

    /** Whose queue this is; the server is asked once if the app did not say. */
    public suspend fun account(): String = stoppable { core.account(it) }

    /** Starts the scheduler: from now on the library syncs by itself whenever there is something to do. */
    public fun start(): Unit = now { core.start() }

    /** Stops the scheduler after the exchange under way. */
    public suspend fun stop(): Unit = call { core.stop() }

    /** Tells what the platform knows of the network. A [NetworkMonitor] given to the builder does it by itself. */
    public fun setNetwork(network: Network): Unit = now { core.setNetwork(network) }

    /** Tells whether the person looks at the app: then answers are awaited at the server. */
    public fun setForeground(foreground: Boolean): Unit = now { core.setForeground(foreground) }

    /** The person signed in again, so the token source has another token: a paused sync goes on. */
    public fun tokenChanged(): Unit = now { core.tokenChanged() }

    /**
     * A notification reached this device. True: show it. False: a double, which came by another try or channel; do not. The
     * server is told of the first one with the next exchange.
     */
    public suspend fun notificationReceived(id: String): Boolean = call { core.notificationReceived(id) }

    /** The person opened a notification, so it was received too; the server is told once, with the next exchange. */
    public suspend fun notificationOpened(id: String): Unit = call { core.notificationOpened(id) }

    /** Was this notification received or opened here before? Notes nothing and tells nobody. */
    public suspend fun notificationKnown(id: String): Boolean = call { core.notificationKnown(id) }

    /**
     * How one operation stands now, and then whenever it changed. Slow collectors skip states in between, never the last one.
     * It ends when the client is closed or the operation is forgotten, not when the operation ends: a failed payment may be
     * revived by the server's operator. To wait for the end use [awaitEnd].
     */
    public fun states(id: OperationId): Flow<OperationState> =
        hub.watch({ it is Event.OperationChanged && it.id == id }) { get(id)?.let(::OperationState) }

    /** How the queue stands now, and then whenever something in it changed. Slow collectors skip what is outdated. */
    public fun queue(): Flow<QueueState> = hub.watch({ it is Event.OperationChanged }) { stats() }

    /** Waits until an operation has ended, however. Something must sync meanwhile: [start], or [sync] elsewhere. */
    public suspend fun awaitEnd(id: OperationId): OperationState {
        val end = states(id).firstOrNull { it.ended }
        if (end == null) now {}
        return end ?: throw ClientException.FixInput("id", "not_found", "this device does not know the operation")
    }

    /**
     * Closes the client. A sync under way is ended, flows complete, later calls throw [ClientException.NotOpen]. What is queued
     * stays for the next one.
     */
    override fun close() {
        if (!closed.compareAndSet(false, true)) return
        stops.forEach { runCatching { it.stop() } }
        hub.close()
        core.close()
    }

    private suspend fun <T> stoppable(work: suspend (Stop) -> T): T = call {
        Stop().use { stop ->
            stops += stop
            try {
                if (closed.get()) stop.stop()
                work(stop)
            } finally {
                stops -= stop
            }
        }
    }

    private suspend fun <T> call(work: suspend () -> T): T =
        try {
            open()
            work()
        } catch (cancelled: CancellationException) {
            throw cancelled
        } catch (error: Exception) {
            throw told(error)
        }

    private fun <T> now(work: () -> T): T =
        try {
            open()
            work()
        } catch (error: Exception) {
            throw told(error)
        }

    private fun open() {
        if (closed.get()) throw ClientException.NotOpen(CLOSED)
    }

    /** The bridge's own exceptions as ours. */
    private fun told(error: Exception): Exception = when {
        error is ClientException.Stopped && closed.get() -> ClientException.NotOpen(CLOSED)
        error is ClientException -> error
        error is IllegalStateException && closed.get() -> ClientException.NotOpen(CLOSED)
        else -> ClientException.Bug(error.toString()).apply { initCause(error) }
    }

    /** Opens clients. */
    public companion object {
        private const val CLOSED = "this client is closed"

        /**
         * Opens the database, and makes it if it is not there. It reads the disk for some milliseconds. A file that this
         * process has open already is the same queue, and then the first one's configuration holds.
         *
         * @param database the file: one per account, outside the system's backups (`noBackupFilesDir` on Android).
         * @param serverUrl the companion server: `https://pay.example.org`.
         */
        public fun open(database: String, serverUrl: String, configure: ClientBuilder.() -> Unit): TarishiClient =
            ClientBuilder(database, serverUrl).apply(configure).open()
    }
}
