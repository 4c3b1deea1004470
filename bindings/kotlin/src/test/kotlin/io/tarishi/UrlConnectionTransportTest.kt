package io.tarishi

import com.sun.net.httpserver.HttpExchange
import com.sun.net.httpserver.HttpServer
import java.net.InetAddress
import java.net.InetSocketAddress
import java.net.ServerSocket
import java.time.Duration
import java.util.concurrent.CountDownLatch
import java.util.concurrent.Executors
import java.util.concurrent.TimeUnit
import java.util.concurrent.atomic.AtomicInteger
import kotlin.concurrent.thread
import kotlin.test.Test
import kotlin.test.assertContentEquals
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith
import kotlin.test.assertIs
import kotlin.test.assertTrue
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.async
import kotlinx.coroutines.cancelAndJoin
import kotlinx.coroutines.launch

class UrlConnectionTransportTest {
    private val http = UrlConnectionTransport()
    private val body = "payload".toByteArray()

    private fun request(url: String, method: String = "POST", max: ULong = 1_000u, timeoutMs: Long = 10_000) = HttpRequest(
        method,
        url,
        listOf(HttpHeader("authorization", "Bearer t1"), HttpHeader("content-type", "application/json")),
        if (method == "GET") ByteArray(0) else body,
        Duration.ofMillis(timeoutMs),
        max,
    )

    private fun served(answer: (HttpExchange) -> Unit, use: suspend (String) -> Unit) {
        val server = HttpServer.create(InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0)
        val threads = Executors.newCachedThreadPool()
        server.executor = threads
        server.createContext("/") { exchange -> exchange.use(answer) }
        server.start()
        try {
            test { use("http://127.0.0.1:${server.address.port}/api") }
        } finally {
            server.stop(0)
            threads.shutdownNow()
        }
    }

    private fun HttpExchange.answer(status: Int, text: String, vararg headers: Pair<String, String>) {
        requestBody.readBytes()
        headers.forEach { (name, value) -> responseHeaders.add(name, value) }
        sendResponseHeaders(status, text.length.toLong().takeIf { it > 0 } ?: -1)
        if (text.isNotEmpty()) responseBody.write(text.toByteArray())
    }

    @Test
    fun `a POST arrives whole and its answer comes back`() {
        var seen = ByteArray(0)
        var token = ""
        served({
            seen = it.requestBody.readBytes()
            token = it.requestHeaders.getFirst("authorization")
            it.answer(200, "hello", "X-One" to "1")
        }) { url ->
            val answer = http.send(request(url))
            assertContentEquals(body, seen)
            assertEquals("Bearer t1", token)
            assertEquals(200u, answer.status)
            assertEquals("hello", answer.body.decodeToString())
            assertEquals("1", answer.headers.single { it.name.equals("x-one", ignoreCase = true) }.value)
        }
    }

    @Test
    fun `a GET has no body`() = served({ it.answer(200, it.requestMethod + it.requestBody.readBytes().size) }) { url ->
        assertEquals("GET0", http.send(request(url, "GET")).body.decodeToString())
    }

    @Test
    fun `a refused token is a status and no exception`() =
        served({ it.answer(401, "{}", "WWW-Authenticate" to "Bearer") }) { url ->
            assertEquals(401u, http.send(request(url)).status)
            assertEquals(401u, http.send(request(url, "GET")).status)
        }

    @Test
    fun `errors of the server keep their body`() = served({ it.answer(422, "{\"code\":\"x\"}") }) { url ->
        val answer = http.send(request(url))
        assertEquals(422u, answer.status)
        assertEquals("{\"code\":\"x\"}", answer.body.decodeToString())
    }

    @Test
    fun `an answer without a body is empty`() = served({ it.answer(503, "", "Retry-After" to "7") }) { url ->
        val answer = http.send(request(url))
        assertEquals(0, answer.body.size)
        assertTrue(answer.headers.any { it.name.equals("retry-after", ignoreCase = true) && it.value == "7" })
    }

    @Test
    fun `redirects are not followed`() {
        val requests = AtomicInteger()
        served({
            requests.incrementAndGet()
            it.answer(302, "", "Location" to "/elsewhere")
        }) { url ->
            assertEquals(302u, http.send(request(url)).status)
            assertEquals(1, requests.get())
        }
    }

    @Test
    fun `an answer that is too long is cut off`() = served({ it.answer(200, "x".repeat(100_000)) }) { url ->
        val size = http.send(request(url, max = 1_000u)).body.size
        assertTrue(size in 1_001..50_000, "$size")
    }

    @Test
    fun `nothing that listens is nothing that was sent`() = test {
        val port = ServerSocket(0).use { it.localPort }
        assertFailsWith<ClientException.Wait> { http.send(request("http://127.0.0.1:$port/")) }
        assertFailsWith<ClientException.Wait> { http.send(request("http://name.invalid/")) }
    }

    @Test
    fun `a POST whose answer is lost is not sent again`() {
        val requests = AtomicInteger()
        // The first answer is good, so that the connection is kept and the JVM would take the second for a stale one.
        rawServer({ index -> requests.incrementAndGet(); if (index == 0) "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok" else null }) { url ->
            assertEquals(200u, http.send(request(url)).status)
            val error = assertFailsWith<ClientException> { http.send(request(url)) }
            assertIs<ClientException.Bug>(error, "the server may have it")
            Thread.sleep(200)
            assertEquals(2, requests.get())
        }
    }

    @Test
    fun `an answer that is cut short is an error`() =
        rawServer({ "HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\nshort" }, close = true) { url ->
            assertIs<ClientException.Bug>(assertFailsWith<ClientException> { http.send(request(url)) })
        }

    @Test
    fun `a slow answer is given up and may have arrived`() {
        val hold = CountDownLatch(1)
        served({ hold.await(10, TimeUnit.SECONDS) }) { url ->
            assertIs<ClientException.Bug>(assertFailsWith<ClientException> { http.send(request(url, timeoutMs = 200)) })
            hold.countDown()
        }
    }

    @Test
    fun `cancelling closes the connection`() {
        val arrived = CountDownLatch(1)
        val gone = CountDownLatch(1)
        ServerSocket(0, 10, InetAddress.getLoopbackAddress()).use { listener ->
            thread(isDaemon = true) {
                listener.accept().use { socket ->
                    val input = socket.getInputStream()
                    input.read()
                    arrived.countDown()
                    runCatching { input.readBytes() }
                    gone.countDown()
                }
            }
            test {
                val call = launch(Dispatchers.Default) { http.send(request("http://127.0.0.1:${listener.localPort}/")) }
                arrived.await()
                Thread.sleep(100)
                call.cancelAndJoin()
                assertTrue(gone.await(5, TimeUnit.SECONDS))
            }
        }
    }

    @Test
    fun `a client works over it`() = served({ it.answer(200, """{"server_time":"2026-01-05T08:00:00Z","cursor":null}""") }) { url ->
        inFolder { folder ->
            TarishiClient.open("$folder/a.db", url.removeSuffix("/api")) {
                token("t1")
                account = "acc_test"
                transport(http)
            }.use { client -> test { assertTrue(async { client.sync() }.await().complete) } }
        }
    }

    /** Answers the nth request on any connection with the text; `null` closes the connection instead. */
    private fun rawServer(answer: (Int) -> String?, close: Boolean = false, use: suspend (String) -> Unit) {
        ServerSocket(0, 10, InetAddress.getLoopbackAddress()).use { listener ->
            val count = AtomicInteger()
            thread(isDaemon = true) {
                runCatching {
                    while (true) {
                        val socket = listener.accept()
                        thread(isDaemon = true) {
                            socket.use {
                                val input = socket.getInputStream()
                                while (true) {
                                    val head = StringBuilder()
                                    while (!head.endsWith("\r\n\r\n")) head.append(input.read().also { if (it < 0) return@thread }.toChar())
                                    input.readNBytes(body.size)
                                    val text = answer(count.getAndIncrement()) ?: return@thread
                                    socket.getOutputStream().write(text.toByteArray())
                                    if (close) return@thread
                                }
                            }
                        }
                    }
                }
            }
            test { use("http://127.0.0.1:${listener.localPort}/") }
        }
    }
}
