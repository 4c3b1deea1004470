package io.tarishi

import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertIs
import kotlin.test.assertTrue
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.seconds
import kotlinx.coroutines.CompletableDeferred
import kotlinx.coroutines.CoroutineStart
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.async
import kotlinx.coroutines.awaitAll
import kotlinx.coroutines.delay
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.flow.onEach
import kotlinx.coroutines.flow.toList
import kotlinx.coroutines.launch
import kotlinx.coroutines.withTimeout

suspend fun <T> Flow<T>.collectUntil(done: (T) -> Boolean): T = withTimeout(10.seconds) { first(done) }

class FlowsTest {
    @Test
    fun `the states of an operation begin with the present and end with the client`() = phone { phone ->
        val stored = phone.client.enqueue(sms("k"))
        val ended = CompletableDeferred<Unit>()
        val seen = async(Dispatchers.Default) {
            phone.client.states(stored.id).onEach { if (it.state == DeviceState.SUCCEEDED) ended.complete(Unit) }.toList()
        }
        phone.server.answer {}
        phone.sync()
        phone.client.states(stored.id).collectUntil { it.state == DeviceState.ACCEPTED }
        phone.server.succeed("k", """{"messages":[]}""")
        phone.sync()
        phone.client.awaitEnd(stored.id)
        ended.await()
        phone.client.close()

        val states = seen.await().map { it.state }
        assertEquals(states.distinct(), states)
        assertEquals(DeviceState.SUCCEEDED, states.last())
    }

    @Test
    fun `the queue counts what waits, runs and needs a human`() = phone { phone ->
        phone.offline()
        phone.client.enqueue(listOf(sms("a"), sms("b")))
        assertEquals(2, phone.client.queue().first().pending)
        phone.online()
        val counted = async { phone.client.queue().collectUntil { it.running == 2L } }
        phone.sync()

        assertEquals(2, counted.await()[DeviceState.ACCEPTED])
        assertEquals(0, phone.client.stats().pending)
    }

    @Test
    fun `events tell what changed, to everybody who listens`() = phone { phone ->
        val listeners = List(3) {
            async(start = CoroutineStart.UNDISPATCHED) { phone.client.events.collectUntil { it is Event.OperationChanged } }
        }
        val stored = phone.client.enqueue(sms("k"))

        listeners.awaitAll().forEach { assertEquals(stored.id, assertIs<Event.OperationChanged>(it).id) }
    }

    @Test
    fun `a slow collector delays neither the library nor another collector, and sees the last state`() = phone { phone ->
        val last = CompletableDeferred<Long>()
        val slow = launch(Dispatchers.Default) {
            phone.client.queue().collect {
                delay(300.milliseconds)
                if (it[DeviceState.PENDING] == 500L) last.complete(500)
            }
        }
        val stuck = launch(Dispatchers.Default) { phone.client.events.collect { delay(60.seconds) } }
        val quick = async(Dispatchers.Default) { phone.client.queue().collectUntil { it.pending == 500L } }
        repeat(500) { phone.client.enqueue(sms("k$it")) }

        quick.await()
        withTimeout(10.seconds) { last.await() }
        slow.cancel()
        stuck.cancel()
    }

    @Test
    fun `flows complete when the client is closed, and nothing comes after`() = phone { phone ->
        val stored = phone.client.enqueue(sms("k"))
        val events = async(start = CoroutineStart.UNDISPATCHED) { phone.client.events.toList() }
        val queue = async(start = CoroutineStart.UNDISPATCHED) { phone.client.queue().toList() }
        phone.client.close()

        withTimeout(5.seconds) {
            events.await()
            queue.await()
            assertTrue(phone.client.states(stored.id).toList().isEmpty())
            assertTrue(phone.client.events.toList().isEmpty())
        }
    }

    @Test
    fun `a suspended client keeps its collectors`() = phone { phone ->
        val stored = phone.client.enqueue(sms("k"))
        val accepted = async(Dispatchers.Default) { phone.client.states(stored.id).collectUntil { it.state == DeviceState.ACCEPTED } }
        phone.client.suspend()
        phone.client.resume()
        phone.sync()

        assertEquals(stored.id, accepted.await().id)
    }

    @Test
    fun `a collector that throws stops itself alone`() = phone { phone ->
        val stored = phone.client.enqueue(sms("k"))
        val thrown = runCatching { phone.client.states(stored.id).collect { error("the app's own") } }
        assertEquals("the app's own", thrown.exceptionOrNull()?.message)
        assertEquals(stored.id, phone.client.states(stored.id).first().id)
    }
}
