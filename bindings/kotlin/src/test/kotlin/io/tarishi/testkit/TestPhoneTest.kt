package io.tarishi.testkit

import io.tarishi.DeviceState
import io.tarishi.Mpesa
import io.tarishi.Outcome
import io.tarishi.WhyReason
import io.tarishi.kes
import io.tarishi.phone
import io.tarishi.sms
import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith
import kotlin.test.assertIs
import kotlin.time.Duration.Companion.days
import kotlin.time.Duration.Companion.minutes
import kotlin.time.Duration.Companion.seconds

/** The test kit as an app's tests use it. */
class TestPhoneTest {
    @Test
    fun `a payment made on the bus goes out at home`() = phone { phone ->
        phone.offline()
        val payment = phone.client.enqueue(Mpesa.charge(kes("500.00"), "+254712345678", "FEE-1", key = "fee-1"))
        assertEquals(WhyReason.OFFLINE, phone.client.why(payment.id).reason)
        phone.online()
        phone.server.succeed("fee-1", """{"receipt":"TKQ12AB34C"}""")
        phone.sync()

        assertEquals("TKQ12AB34C", assertIs<Outcome.Charged>(phone.client.awaitEnd(payment.id).outcome).receipt)
        assertEquals("fee-1", phone.server.operations.single().key)
        assertEquals("+254712345678", phone.server.operations.single().payload["phone"])
    }

    @Test
    fun `an answer that is lost is fetched again and nothing is done twice`() = phone { phone ->
        val stored = phone.client.enqueue(sms("k"))
        phone.server.loseAnswer()
        phone.sync()
        assertEquals(DeviceState.IN_FLIGHT, phone.client.get(stored.id)?.state)
        phone.sync()

        assertEquals(DeviceState.ACCEPTED, phone.client.get(stored.id)?.state)
        assertEquals(1, phone.server.operations.map { it.id }.distinct().size)
        assertEquals(2, phone.server.operations.size)
    }

    @Test
    fun `a request that is lost is sent again`() = phone { phone ->
        phone.client.enqueue(sms("k"))
        phone.server.loseRequest()
        assertEquals(1u, phone.sync().pending)
        assertEquals(1u, phone.sync().accepted)
    }

    @Test
    fun `a server that says when to come again is obeyed`() = phone { phone ->
        val stored = phone.client.enqueue(sms("k"))
        phone.server.status(503, retryAfter = 600.seconds)
        phone.sync()
        assertEquals(WhyReason.BACKING_OFF, phone.client.why(stored.id).reason)
        phone.advance(11.minutes)

        assertEquals(1u, phone.sync().accepted)
    }

    @Test
    fun `an operation that waits too long expires`() = phone { phone ->
        phone.offline()
        val stored = phone.client.enqueue(sms("k"))
        phone.advance(8.days)
        phone.online()
        phone.sync()

        assertEquals(DeviceState.EXPIRED, phone.client.awaitEnd(stored.id).state)
    }

    @Test
    fun `the queue outlives a restart`() = phone { phone ->
        val stored = phone.client.enqueue(sms("k"))
        phone.restart()
        assertEquals(stored.id, phone.client.list().single().id)
    }

    @Test
    fun `one answer can say several things`() = phone { phone ->
        val (a, b, c) = phone.client.enqueue(listOf(sms("a"), sms("b"), sms("c"))).map { assertIs<io.tarishi.EnqueueResult.Stored>(it).record.id }
        phone.server.answer {
            succeed("a", """{"messages":[]}""")
            fail("b")
            refuse("c", code = "invalid_phone")
        }
        phone.sync()

        val states = listOf(a, b, c).map { phone.client.awaitEnd(it).state }
        assertEquals(listOf(DeviceState.SUCCEEDED, DeviceState.FAILED, DeviceState.REFUSED), states)
    }

    @Test
    fun `a login page is no answer`() = phone { phone ->
        phone.client.enqueue(sms("k"))
        phone.server.captivePortal()
        assertEquals(1u, phone.sync().pending)
        assertEquals(1u, phone.sync().accepted)
    }

    @Test
    fun `a script that is wrong is refused`() = phone { phone ->
        assertFailsWith<io.tarishi.ClientException.FixInput> { phone.server.script("""[{"stauts":200}]""") }
    }

    @Test
    fun `JSON is read as it was written`() {
        val text = """{"a":[1,-2.5,true,null,"x\n\"é😀"],"b":{}}"""
        assertEquals(mapOf("a" to listOf(1L, -2.5, true, null, "x\n\"é😀"), "b" to emptyMap<String, Any>()), JsonReader.read(text))
        assertFailsWith<IllegalArgumentException> { JsonReader.read("[1") }
        assertFailsWith<IllegalArgumentException> { JsonReader.read("[1] 2") }
    }
}
