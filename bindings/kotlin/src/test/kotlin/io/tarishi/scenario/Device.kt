package io.tarishi.scenario

import com.google.gson.JsonArray
import com.google.gson.JsonElement
import com.google.gson.JsonObject
import io.tarishi.ClientException
import io.tarishi.KeyStore
import io.tarishi.TarishiClient
import io.tarishi.TestClock
import io.tarishi.TokenSource
import java.io.File
import java.nio.file.Files
import java.time.Instant
import kotlin.time.Duration.Companion.milliseconds
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.CoroutineStart
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.SupervisorJob
import kotlinx.coroutines.cancel
import kotlinx.coroutines.flow.MutableStateFlow
import kotlinx.coroutines.flow.update
import kotlinx.coroutines.launch

/** The device of one scenario: a client on a file of its own, its tokens, its clock, and everything it was told. */
class Device(private val options: JsonObject, private val road: Road) : AutoCloseable {
    val tokens = Tokens()
    val clock: TestClock? = options["clock"]?.let { TestClock(Instant.parse(it.asString).toEpochMilli()) }
    val events = MutableStateFlow<List<JsonElement>>(emptyList())
    private val folder = Files.createTempDirectory("scenario").toFile()
    private val scope = CoroutineScope(SupervisorJob() + Dispatchers.Default)
    private var crashes = 0
    var client: TarishiClient
        private set

    init {
        val known = setOf(
            "account", "quota_operations", "sync_on_metered", "metered_bytes_per_day", "retention_ms", "seal", "clock",
        )
        check(options.keySet() - known == emptySet<String>()) { "unknown options: ${options.keySet() - known}" }
        place().mkdir()
        client = open()
    }

    /** The app ends and is started again. */
    fun closeAndOpen() {
        client.close()
        client = open()
    }

    /** The app dies: its files, as they are in the middle of its work, are all that is left. */
    fun crashAndOpen() {
        val before = place()
        crashes += 1
        before.copyRecursively(place())
        client.close()
        client = open()
    }

    override fun close() {
        client.close()
        scope.cancel()
        clock?.close()
        folder.deleteRecursively()
    }

    private fun place() = File(folder, "$crashes")

    private fun open(): TarishiClient {
        val opened = TarishiClient.open(File(place(), "queue.db").path, road.url) {
            tokens(tokens)
            road.configure(this)
            clock?.let(::clock)
            account = options["account"]?.asString
            quotaOperations = options["quota_operations"]?.asLong
            syncOnMetered = options["sync_on_metered"]?.asBoolean ?: true
            meteredBytesPerDay = options["metered_bytes_per_day"]?.asLong
            retention = options["retention_ms"]?.asLong?.milliseconds
            if (options["seal"]?.asBoolean == true) keys(SevenKey)
        }
        // Undispatched: it listens before the next step.
        scope.launch(start = CoroutineStart.UNDISPATCHED) {
            opened.events.collect { event -> events.update { it + Results.of(event) } }
        }
        return opened
    }

    private object SevenKey : KeyStore {
        override fun sealKey(database: String) = ByteArray(32) { 7 }
    }
}

/** Tokens as a scenario sets them. */
class Tokens : TokenSource {
    private var current = "t1"
    private var next = ArrayDeque<String>()
    private var signIn = false

    @Synchronized
    fun set(current: String?, next: JsonArray?, signIn: Boolean) {
        this.current = current ?: this.current
        this.next = ArrayDeque(next.strings().orEmpty())
        this.signIn = signIn
    }

    override suspend fun token(rejected: String?): String = synchronized(this) {
        if (signIn) throw ClientException.SignIn()
        if (rejected == current) current = next.removeFirstOrNull() ?: throw ClientException.SignIn()
        current
    }

    override suspend fun rotated(token: String) = synchronized(this) { current = token }
}
