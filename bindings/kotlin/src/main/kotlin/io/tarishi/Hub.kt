package io.tarishi

import java.util.concurrent.CopyOnWriteArraySet
import kotlinx.coroutines.channels.BufferOverflow
import kotlinx.coroutines.channels.Channel
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.distinctUntilChanged
import kotlinx.coroutines.flow.flow

/**
 * One subscription of a client, shared out among its collectors. Nothing here waits: a collector that is behind has a bounded
 * queue of its own, so it can delay neither the library nor another collector.
 */
internal class Hub(private val core: Client) : EventListener {
    private val watchers = CopyOnWriteArraySet<Watcher>()
    private var subscription: Subscription? = null
    private var closed = false

    override fun onEvents(events: List<Event>) = watchers.forEach { it.happened(events) }

    override fun onMissed(count: ULong) = readAgain()

    /** Everybody who shows the present reads it again. */
    fun readAgain() = watchers.forEach { it.missed() }

    fun events(): Flow<Event> = flow {
        val queue = Channel<Event>(LATE_MAX, BufferOverflow.DROP_OLDEST)
        watching(Watcher(queue, { events -> events.forEach { queue.trySend(it) } }, {})) {
            for (event in queue) emit(event)
        }
    }

    /** What [read] gives, now and after each event that [concerns] it; it ends when there is nothing to read. */
    fun <T : Any> watch(concerns: (Event) -> Boolean, read: suspend () -> T?): Flow<T> = flow {
        val ticks = Channel<Unit>(Channel.CONFLATED)
        ticks.trySend(Unit)
        val watcher = Watcher(ticks, { if (it.any(concerns)) ticks.trySend(Unit) }, { ticks.trySend(Unit) })
        watching(watcher) {
            for (tick in ticks) {
                val value = try {
                    read() ?: break
                } catch (error: ClientException.NotOpen) {
                    // Suspended: resuming ticks.
                    if (closed()) break else continue
                }
                emit(value)
            }
        }
    }.distinctUntilChanged()

    fun close() {
        val last = synchronized(this) {
            closed = true
            subscription.also { subscription = null }
        }
        last?.run {
            cancel()
            close()
        }
        watchers.forEach { it.queue.close() }
        watchers.clear()
    }

    private suspend fun watching(watcher: Watcher, collect: suspend () -> Unit) {
        // First the watcher, then the subscription: nothing that happens from here on is missed.
        watchers += watcher
        try {
            if (subscribe()) collect()
        } finally {
            watchers -= watcher
        }
    }

    @Synchronized
    private fun subscribe(): Boolean {
        if (!closed && subscription == null) subscription = core.events(this)
        return !closed
    }

    @Synchronized
    private fun closed(): Boolean = closed

    private class Watcher(
        val queue: Channel<*>,
        val happened: (List<Event>) -> Unit,
        val missed: () -> Unit,
    )

    private companion object {
        /** Events that wait for one collector. */
        const val LATE_MAX = 1024
    }
}
