package io.tarishi

import kotlin.coroutines.coroutineContext
import kotlinx.coroutines.CancellationException
import kotlinx.coroutines.ensureActive

/**
 * Stands between the library and the app's own code. Whatever that throws, `Error`s too, becomes a [ClientException], since a
 * bridge that lets one through would leave the library waiting or end the process.
 */
internal class Guard(private val hear: (Throwable) -> Unit) {
    fun tokens(inner: TokenSource): TokenSource = object : TokenSource {
        override suspend fun token(rejected: String?): String = waiting { sound(inner.token(rejected)) }

        override suspend fun rotated(token: String) = waiting { inner.rotated(token) }
    }

    fun transport(inner: HttpTransport): HttpTransport = object : HttpTransport {
        override suspend fun send(request: HttpRequest): HttpResponse = waiting {
            inner.send(request).run { copy(headers = headers.map { HttpHeader(sound(it.name), sound(it.value)) }) }
        }
    }

    fun network(inner: NetworkMonitor): NetworkMonitor = object : NetworkMonitor {
        override fun start(sink: NetworkSink) = at(sink) { inner.start(sink) }

        override fun stop() = at { inner.stop() }

        /** A monitor that cannot start has told nothing: the network is then not known, and the library tries. */
        private fun at(sink: NetworkSink, block: () -> Unit) =
            runCatching { at(block) }.getOrElse { sink.changed(Network.UNKNOWN) }
    }

    fun keys(inner: KeyStore): KeyStore = object : KeyStore {
        override fun sealKey(database: String): ByteArray = at { inner.sealKey(database) }
    }

    fun logger(inner: Logger): Logger = object : Logger {
        override fun onRecords(records: List<LogRecord>) = at { inner.onRecords(records) }
    }

    private fun <T> at(block: () -> T): T =
        try {
            block()
        } catch (thrown: Throwable) {
            throw told(thrown)
        }

    private suspend fun <T> waiting(block: suspend () -> T): T =
        try {
            block()
        } catch (cancelled: CancellationException) {
            // The library gave up on the call, or the app's code cancelled something of its own.
            coroutineContext.ensureActive()
            throw told(cancelled)
        } catch (thrown: Throwable) {
            throw told(thrown)
        }

    /** Half a surrogate pair cannot cross the bridge, which would throw where nobody catches. */
    private fun sound(text: String): String = if (text.any { it.isSurrogate() }) String(text.toByteArray()) else text

    private fun told(thrown: Throwable): ClientException {
        runCatching { hear(thrown) }
        return thrown as? ClientException ?: ClientException.Bug(thrown.toString()).apply { initCause(thrown) }
    }
}
