package io.tarishi

import java.io.ByteArrayOutputStream
import java.io.IOException
import java.io.InputStream
import java.net.HttpRetryException
import java.net.HttpURLConnection
import java.net.URL
import java.util.concurrent.atomic.AtomicBoolean
import kotlin.coroutines.resumeWithException
import kotlinx.coroutines.CancellableContinuation
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.Runnable
import kotlinx.coroutines.suspendCancellableCoroutine

/**
 * HTTP by the platform: its TLS (and Android's network security configuration), proxies and certificates. It follows no redirects,
 * uses no cache, and sends nothing twice.
 *
 * Requests run on [Dispatchers.IO]. Cancelling one closes its connection.
 */
public class UrlConnectionTransport(
    /** Prepares a connection before it is used, say with an `SSLSocketFactory` of the app's own. */
    private val prepare: (HttpURLConnection) -> Unit = {},
) : HttpTransport {
    override suspend fun send(request: HttpRequest): HttpResponse = suspendCancellableCoroutine { waiting ->
        val exchange = Exchange(request, prepare)
        waiting.invokeOnCancellation { exchange.cancel() }
        Dispatchers.IO.dispatch(waiting.context, Runnable { exchange.run(waiting) })
    }
}

private class Exchange(private val request: HttpRequest, prepare: (HttpURLConnection) -> Unit) {
    private val cancelled = AtomicBoolean(false)
    private val connection: HttpURLConnection by lazy { open().also(prepare) }

    fun run(waiting: CancellableContinuation<HttpResponse>) {
        val result = runCatching { connect() }
            .recoverCatching { throw ClientException.Wait(it.toString()).apply { initCause(it) } }
            .mapCatching { answer() }
        // One that was cancelled meanwhile ignores this.
        result.fold({ response -> waiting.resumeWith(Result.success(response)) }, { waiting.resumeWithException(told(it)) })
    }

    fun cancel() {
        cancelled.set(true)
        // Closes the socket under a thread that waits for the answer.
        runCatching { connection.disconnect() }
    }

    private fun open(): HttpURLConnection {
        val connection = URL(request.url).openConnection() as? HttpURLConnection ?: throw IOException("no HTTP address")
        val timeout = request.timeout.toMillis().coerceIn(1, Int.MAX_VALUE.toLong()).toInt()
        connection.connectTimeout = timeout
        connection.readTimeout = timeout
        connection.instanceFollowRedirects = false
        connection.useCaches = false
        connection.requestMethod = request.method
        for (header in request.headers) connection.addRequestProperty(header.name, header.value)
        if (request.method != "GET") {
            connection.doOutput = true
            // Without it both the JVM and Android send a POST again if the connection broke before the answer.
            connection.setFixedLengthStreamingMode(request.body.size)
        }
        return connection
    }

    /** Up to here nothing of the request has left the device, so a failure is no more than "not reachable". */
    private fun connect() {
        connection.connect()
        if (cancelled.get()) throw IOException("cancelled")
    }

    private fun answer(): HttpResponse {
        if (connection.doOutput) connection.outputStream.use { it.write(request.body) }
        val status = status()
        if (status < 100) throw IOException("no HTTP in the answer")
        val headers = connection.headerFields.flatMap { (name, values) ->
            // The status line has no name.
            if (name == null) emptyList() else values.map { HttpHeader(name, it) }
        }
        val body = body(status)
        // Neither platform says so when the connection ends in the middle of a body of known length.
        val whole = connection.getHeaderField("content-length")?.toLongOrNull()?.coerceAtMost(request.responseBytesMax.toLong())
        if (body.size < (whole ?: 0) && status !in BODILESS) throw IOException("the answer was cut short")
        return HttpResponse(status.toUShort(), headers, body)
    }

    /** A streamed request is not sent again with credentials, and the JVM makes an exception of it where a status would do. */
    private fun status(): Int =
        try {
            connection.responseCode
        } catch (retry: HttpRetryException) {
            retry.responseCode()
        }

    private fun body(status: Int): ByteArray =
        try {
            val stream = if (status < 400) connection.inputStream else connection.errorStream
            stream?.use(::read) ?: ByteArray(0)
        } catch (_: HttpRetryException) {
            ByteArray(0)
        }

    /** One byte more than allowed is enough for the library to give up on the answer. */
    private fun read(stream: InputStream): ByteArray {
        val max = request.responseBytesMax.toLong()
        val body = ByteArrayOutputStream()
        val buffer = ByteArray(BUFFER_BYTES)
        while (body.size() <= max) {
            val count = stream.read(buffer)
            if (count < 0) break
            body.write(buffer, 0, count)
        }
        return body.toByteArray()
    }

    /** Whatever happened after the connection was made, the server may have the request. */
    private fun told(error: Throwable): Throwable =
        error as? ClientException ?: ClientException.Bug(error.toString()).apply { initCause(error) }

    private companion object {
        const val BUFFER_BYTES = 16 * 1024

        /** No content, not modified, and the one whose body the JVM drops. */
        val BODILESS = setOf(204, 304, 401)
    }
}
