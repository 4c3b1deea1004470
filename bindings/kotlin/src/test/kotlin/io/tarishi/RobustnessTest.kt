package io.tarishi

import io.tarishi.testkit.TestPhone
import java.util.concurrent.CopyOnWriteArrayList
import java.util.concurrent.Executors
import java.util.concurrent.LinkedBlockingQueue
import java.util.concurrent.TimeUnit
import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith
import kotlin.test.assertIs
import kotlin.test.assertNotNull
import kotlin.test.assertTrue
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.minutes
import kotlin.time.Duration.Companion.seconds
import kotlin.time.TimeSource
import kotlinx.coroutines.CancellationException
import kotlinx.coroutines.CompletableDeferred
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.async
import kotlinx.coroutines.asCoroutineDispatcher
import kotlinx.coroutines.cancelAndJoin
import kotlinx.coroutines.delay
import kotlinx.coroutines.launch
import kotlinx.coroutines.withTimeout
import kotlinx.coroutines.withTimeoutOrNull

/** What an app may do wrong, and what a phone does at the worst moment. */
class RobustnessTest {
    /** Declared, undeclared, and an `Error`, which `catch (Exception)` misses. */
    private val thrown = listOf(
        { ClientException.Wait("no token now") },
        { IllegalStateException("the app's own") },
        { NotImplementedError("not yet") },
        { CancellationException("of something else") },
    )

    @Test
    fun `a token source that throws loses nothing`() {
        for (make in thrown) {
            var broken = true
            val heard = CopyOnWriteArrayList<Throwable>()
            phone({
                tokens { if (broken) throw make() else "t1" }
                onException { heard += it }
            }) { phone ->
                phone.client.enqueue(sms("k"))
                runCatching { phone.sync(500.milliseconds) }.onFailure { assertIs<ClientException>(it) }
                assertEquals(1, phone.client.stats().pending)
                assertEquals(make()::class, heard.first()::class)
                broken = false
                phone.client.tokenChanged()
                assertEquals(1u, phone.sync().accepted)
            }
        }
    }

    @Test
    fun `a token that cannot be stored does not stop the sync`() = phone({
        tokens { "t1" }
        onTokenRotated { error("disk full") }
    }) { phone ->
        phone.server.answer { rotate("t2") }
        assertTrue(phone.sync().complete)
    }

    @Test
    fun `a transport that throws loses nothing`() {
        for (make in thrown) {
            val transport = object : HttpTransport {
                override suspend fun send(request: HttpRequest): HttpResponse = throw make()
            }
            inFolder { folder ->
                TarishiClient.open("$folder/a.db", "https://pay.example.org") {
                    token("t1")
                    transport(transport)
                }.use { client ->
                    test {
                        client.enqueue(sms("k"))
                        runCatching { client.sync(500.milliseconds) }.onFailure { assertIs<ClientException>(it) }
                        assertEquals(1, client.stats().pending)
                    }
                }
            }
        }
    }

    @Test
    fun `a panic in the library is an error of the call, and nothing is lost`() = phone { phone ->
        val id = phone.client.enqueue(sms("k")).id
        phone.server.panic()
        assertFailsWith<ClientException.Bug> { phone.sync() }
        assertEquals(1u, phone.sync().accepted)
        assertEquals(DeviceState.ACCEPTED, phone.client.get(id)?.state)
    }

    @Test
    fun `a key store that throws keeps the client closed and says why`() {
        for (make in thrown) {
            val store = object : KeyStore {
                override fun sealKey(database: String): ByteArray = throw make()
            }
            assertFailsWith<ClientException> { TestPhone.open { keys(store) } }
        }
        val short = object : KeyStore {
            override fun sealKey(database: String) = ByteArray(3)
        }
        assertEquals("seal_key", assertFailsWith<ClientException.FixInput> { TestPhone.open { keys(short) } }.field)
    }

    @Test
    fun `a network monitor that throws is as good as none`() {
        for (make in thrown) {
            val monitor = object : NetworkMonitor {
                override fun start(sink: NetworkSink) = throw make()

                override fun stop() = throw make()
            }
            inFolder { folder ->
                ScriptedServer().use { server ->
                    TarishiClient.open("$folder/a.db", "https://pay.example.org") {
                        token("t1")
                        network(monitor)
                        server(server)
                    }.use { client ->
                        test {
                            client.enqueue(sms("k"))
                            assertEquals(1u, client.sync().accepted)
                        }
                    }
                }
            }
        }
    }

    @Test
    fun `a monitor may speak after its client is gone`() {
        var kept: NetworkSink? = null
        val stopped = LinkedBlockingQueue<Unit>()
        val monitor = object : NetworkMonitor {
            override fun start(sink: NetworkSink) {
                kept = sink
            }

            override fun stop() {
                stopped += Unit
            }
        }
        inFolder { folder ->
            TarishiClient.open("$folder/a.db", "https://pay.example.org") {
                token("t1")
                network(monitor)
            }.close()
        }
        assertNotNull(stopped.poll(5, TimeUnit.SECONDS))
        assertNotNull(kept).changed(Network.METERED)
    }

    @Test
    fun `a logger that throws stops nothing`() {
        val called = LinkedBlockingQueue<Unit>()
        logTo(LogLevel.DEBUG) {
            called += Unit
            throw NotImplementedError("not yet")
        }
        phone { phone ->
            phone.client.enqueue(sms("k"))
            assertEquals(1u, phone.sync().accepted)
        }
        assertNotNull(called.poll(5, TimeUnit.SECONDS))
        logTo(LogLevel.ERROR) {}
    }

    @Test
    fun `a listener that throws or is slow stops nothing`() = phone { phone ->
        val throwing = launch(Dispatchers.Default) { runCatching { phone.client.events.collect { error("the app's own") } } }
        val slow = launch(Dispatchers.Default) { phone.client.events.collect { Thread.sleep(100) } }
        delay(100.milliseconds)
        val start = TimeSource.Monotonic.markNow()
        repeat(50) { phone.client.enqueue(sms("k$it")) }
        phone.sync()
        assertTrue(start.elapsedNow() < 5.seconds, "a listener of 100 ms an event made it wait")
        assertEquals(50, phone.client.stats()[DeviceState.ACCEPTED])
        throwing.cancel()
        slow.cancel()
    }

    @Test
    fun `a coroutine cancelled in the middle of sync ends at once and the operation stays`() = phone { phone ->
        phone.client.enqueue(sms("k"))
        phone.server.hang()
        val sync = launch(Dispatchers.Default) { phone.sync(10.minutes) }
        awaitRequest(phone)
        val start = TimeSource.Monotonic.markNow()
        sync.cancelAndJoin()

        assertTrue(start.elapsedNow() < 2.seconds, "it took ${start.elapsedNow()}")
        assertEquals(1, phone.client.stats().pending)
        assertEquals(1u, phone.sync().accepted)
        assertEquals(1, phone.server.operations.map { it.key }.distinct().size)
    }

    @Test
    fun `a timeout ends a sync like a cancel`() = phone { phone ->
        phone.client.enqueue(sms("k"))
        phone.server.hang()
        assertEquals(null, withTimeoutOrNull(300.milliseconds) { phone.sync(10.minutes) })
        assertEquals(1u, phone.sync().accepted)
    }

    @Test
    fun `an enqueue that was cancelled is stored whole or not at all`() = phone { phone ->
        repeat(50) { round ->
            val job = launch(Dispatchers.Default) { phone.client.enqueue(List(10) { sms("$round-$it") }) }
            if (round % 2 == 0) delay((round % 10).milliseconds)
            job.cancelAndJoin()
        }
        phone.client.report()
        val byRound = all(phone.client).groupBy { it.key.substringBefore('-') }
        assertTrue(byRound.values.all { it.size == 10 })
    }

    @Test
    fun `a client closed while it syncs ends the sync and keeps the queue`() = phone { phone ->
        phone.client.enqueue(sms("k"))
        phone.server.hang()
        val client = phone.client
        val sync = async(Dispatchers.Default) { runCatching { client.sync(10.minutes) } }
        awaitRequest(phone)
        client.close()

        assertIs<ClientException.NotOpen>(withTimeout(5.seconds) { sync.await() }.exceptionOrNull())
        phone.restart()
        assertEquals(1u, phone.sync().accepted)
    }

    @Test
    fun `clients closed under load end every call with a word`() = phone { phone ->
        val client = phone.client
        val calls = List(200) { async(Dispatchers.Default) { runCatching { client.enqueue(sms("k$it")) } } }
        delay(5.milliseconds)
        client.close()
        val results = calls.map { it.await() }
        results.mapNotNull { it.exceptionOrNull() }.forEach { assertIs<ClientException>(it) }
        phone.restart()
        assertEquals(results.count { it.isSuccess }, all(phone.client).size)
    }

    @Test
    fun `two clients on one file are one queue`() = inFolder { folder ->
        ScriptedServer().use { server ->
            fun open() = TarishiClient.open("$folder/a.db", "https://pay.example.org") {
                token("t1")
                server(server)
            }
            test {
                val first = open()
                val second = open()
                val a = first.enqueue(sms("a"))
                val b = second.enqueue(sms("b"))
                assertEquals(setOf(a.id, b.id), first.list().map { it.id }.toSet())
                assertEquals(2u, second.sync().accepted)
                first.close()
                assertEquals(DeviceState.ACCEPTED, second.get(a.id)?.state)
                second.enqueue(sms("c"))
                second.close()
                open().use { assertEquals(3, it.list().size) }
            }
        }
    }

    @Test
    fun `10,000 rapid enqueues from 16 threads lose nothing`() {
        val threads = Executors.newFixedThreadPool(16)
        try {
            phone { phone ->
                val pool = threads.asCoroutineDispatcher()
                val jobs = List(16) { thread ->
                    async(pool) { List(625) { phone.client.enqueue(sms("$thread-$it")).id } }
                }
                val ids = jobs.flatMap { it.await() }
                assertEquals(10_000, ids.toSet().size)
                assertEquals(10_000, phone.client.stats().pending)
                val stored = all(phone.client)
                assertEquals(ids.toSet(), stored.map { it.id }.toSet())
                assertEquals(10_000, stored.map { it.key }.toSet().size)
            }
        } finally {
            threads.shutdownNow()
        }
    }

    @Test
    fun `what the bridge itself throws is one of our errors and the client goes on`() = phone { phone ->
        // Half a surrogate pair cannot cross: the bridge throws before the library is called.
        val error = assertFailsWith<ClientException.Bug> { phone.client.enqueue(sms("\uD83D")) }
        assertNotNull(error.cause)
        phone.client.enqueue(sms("k"))
        assertEquals(1, phone.client.stats().pending)
    }

    @Test
    fun `an app whose answers cannot cross is told, and nothing waits for it`() = phone({ tokens { "t\uD83D" } }) { phone ->
        phone.server.tokens("t?")
        assertEquals("acc_test", phone.client.account())
    }

    @Test
    fun `a clock at the end of time stops nothing`() = inFolder { folder ->
        for (ms in listOf(Long.MAX_VALUE, Long.MIN_VALUE)) {
            TarishiClient.open("$folder/$ms.db", "https://pay.example.org") {
                token("t1")
                clock(TestClock(ms))
            }.use { client ->
                test {
                    client.enqueue(sms("k"))
                    assertFailsWith<ClientException.FixInput> {
                        client.enqueue(sms("j").copy(ttl = java.time.Duration.ofSeconds(Long.MAX_VALUE)))
                    }
                    assertEquals(1, client.list().size)
                }
            }
        }
    }

    @Test
    fun `text that is no text is refused and nothing else`() = phone { phone ->
        for (operation in listOf(
            sms("k").copy(payload = "no json"),
            sms("k").copy(payload = ""),
            sms("k").copy(payload = "[".repeat(100_000)),
            sms("\u0000"),
            sms("k".repeat(100_000)),
            sms("k").copy(adapter = ""),
            sms("k").copy(version = 99u),
            sms("k").copy(payload = jsonText(mapOf("to" to "+254711000111", "message" to "\uD83D"))),
        )) {
            runCatching { phone.client.enqueue(operation) }.onFailure { assertIs<ClientException>(it) }
        }
        assertFailsWith<ClientException> { phone.server.script("no json") }
        assertTrue(phone.client.list().size < 8)
    }

    @Test
    fun `clients opened and closed by many threads at once neither deadlock nor leak calls`() = inFolder { folder ->
        test {
            List(8) { index ->
                async(Dispatchers.Default) {
                    repeat(10) {
                        TarishiClient.open("$folder/${index % 3}.db", "https://pay.example.org") { token("t1") }.use { client ->
                            client.enqueue(sms("$index-$it"))
                            client.queue()
                        }
                    }
                }
            }.forEach { it.await() }
        }
    }

    private suspend fun awaitRequest(phone: TestPhone) {
        val arrived = CompletableDeferred<Unit>()
        withTimeout(10.seconds) {
            while (phone.server.requests.isEmpty()) delay(5.milliseconds)
            arrived.complete(Unit)
        }
        arrived.await()
    }

    private suspend fun all(client: TarishiClient): List<OperationRecord> = buildList {
        do {
            val page = client.list(Filter(after = lastOrNull()?.seq, limit = 1_000u))
            addAll(page)
        } while (page.size == 1_000)
    }
}
