package io.tarishi

import java.util.UUID
import java.util.concurrent.LinkedBlockingQueue
import java.util.concurrent.TimeUnit
import kotlin.test.Test
import kotlin.test.assertContains
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith
import kotlin.test.assertFalse
import kotlin.test.assertIs
import kotlin.test.assertNotNull
import kotlin.test.assertNull
import kotlin.test.assertTrue
import kotlin.time.Duration.Companion.days
import kotlin.time.Duration.Companion.seconds

class ClientTest {
    @Test
    fun `an operation is enqueued, read and listed without a network`() = phone { phone ->
        phone.offline()
        val stored = phone.client.enqueue(sms("k"))

        assertEquals(stored, phone.client.get(stored.id))
        assertEquals(listOf(stored), phone.client.list())
        assertEquals(1, phone.client.stats().pending)
        assertEquals(WhyReason.OFFLINE, phone.client.why(stored.id).reason)
    }

    @Test
    fun `a wrong operation names the field to fix`() = phone { phone ->
        val error = assertFailsWith<ClientException.FixInput> { phone.client.enqueue(Sms.send("12", "x")) }

        assertEquals("payload.to", error.field)
        assertFalse(error.isTemporary)
    }

    @Test
    fun `of many each has its own result`() = phone { phone ->
        val results = phone.client.enqueue(listOf(sms("a"), Sms.send("12", "x"), sms("b")))

        assertEquals("a", results[0].getOrThrow().key)
        assertIs<ClientException.FixInput>(results[1].errorOrNull())
        assertNull(results[1].getOrNull())
        assertEquals("b", results[2].getOrNull()?.key)
    }

    @Test
    fun `an operation is cancelled, tried again and replaced`() = phone { phone ->
        val first = phone.client.enqueue(sms("k"))
        assertFailsWith<ClientException.NotAllowed> { phone.client.retry(first.id) }
        assertEquals(CancelOutcome.CANCELLED, phone.client.cancel(first.id))
        val again = phone.client.retry(first.id)
        val other = phone.client.replace(again.id, Sms.send("+254711000111", "School is open"))

        assertEquals(first.id, again.retryOf)
        assertEquals(again.id, other.replaces)
        assertContains(assertNotNull(other.payload), "School is open")
    }

    @Test
    fun `a payment is synced and its outcome has a type`() = phone { phone ->
        val payment = phone.client.enqueue(Mpesa.charge(kes("500.00"), "+254712345678", "FEE-1", key = "fee-1"))
        phone.server.succeed("fee-1", """{"receipt":"TKQ1","amount":{"amount":"500.00","currency":"KES"}}""")

        val report = phone.sync()
        val end = phone.client.awaitEnd(payment.id)

        assertTrue(report.complete)
        assertTrue(end.succeeded && end.ended)
        val outcome = assertIs<Outcome.Charged>(end.outcome)
        assertEquals("TKQ1", outcome.receipt)
        assertEquals(kes("500.00"), outcome.amount)
    }

    @Test
    fun `a payment that waits for its payer shows the page to open`() = phone { phone ->
        val payment = phone.client.enqueue(Pesapal.charge(kes("500.00"), "FEE-1", key = "fee-1"))
        phone.server.checkout("fee-1", "https://pay.example/1")
        phone.sync()
        val waiting = OperationState(assertNotNull(phone.client.get(payment.id)))
        assertEquals("https://pay.example/1", waiting.checkoutUrl)
        phone.server.succeed("fee-1")
        phone.sync()

        assertNull(phone.client.awaitEnd(payment.id).checkoutUrl)
    }

    @Test
    fun `a refused operation keeps the server's reason`() = phone { phone ->
        val stored = phone.client.enqueue(sms("k"))
        phone.server.refuse("k", field = "payload.to", code = "invalid_phone")
        phone.sync()

        val end = phone.client.awaitEnd(stored.id)
        assertEquals(DeviceState.REFUSED, end.state)
        assertEquals("payload.to", end.problem?.field)
        assertEquals(1, phone.client.stats().needsAttention)
    }

    @Test
    fun `a refused token is asked for again, and then the person must sign in`() {
        var token = "old"
        val asked = mutableListOf<String?>()
        val configure: ClientBuilder.() -> Unit = {
            tokens { rejected ->
                asked += rejected
                if (rejected == token) throw ClientException.SignIn() else token
            }
        }
        phone(configure) { phone ->
            phone.server.tokens("new")
            phone.client.enqueue(sms("k"))
            assertFailsWith<ClientException.SignIn> { phone.sync() }
            token = "new"
            phone.client.tokenChanged()

            assertEquals(1u, phone.sync().accepted)
            assertContains(asked, "old")
        }
    }

    @Test
    fun `a rotated token is given to the app`() {
        var stored = ""
        phone({
            tokens { "t1" }
            onTokenRotated { stored = it }
        }) { phone ->
            phone.server.answer { rotate("t2") }
            phone.sync()
            assertEquals("t2", stored)
        }
    }

    @Test
    fun `what is sealed cannot be read in the file`() {
        val store = object : KeyStore {
            override fun sealKey(database: String) = ByteArray(32) { 3 }
        }
        phone({ keys(store) }) { phone ->
            phone.client.enqueue(Sms.send("+254711000111", "Zanzibar at noon"))
            val files = phone.database.parentFile.listFiles().orEmpty()
            assertTrue(files.isNotEmpty())
            assertFalse(files.any { "Zanzibar" in it.readText(Charsets.ISO_8859_1) })
            phone.restart()
            assertContains(assertNotNull(phone.client.list().single().payload), "Zanzibar")
        }
    }

    @Test
    fun `a suspended client refuses work and goes on after it`() = phone { phone ->
        phone.client.suspend()
        assertFailsWith<ClientException.NotOpen> { phone.client.enqueue(sms("k")) }
        phone.client.resume()
        phone.client.enqueue(sms("k"))
    }

    @Test
    fun `signing out counts what never left the phone`() = phone { phone ->
        phone.client.enqueue(sms("k"))
        assertEquals(LogoutReport(1u, 0u, 0u), phone.client.logout(Logout.Keep))
    }

    @Test
    fun `the server says whose queue it is`() = phone { phone ->
        assertEquals("acc_test", phone.client.account())
        assertNull(phone.client.recovery)
    }

    @Test
    fun `a report has no phone numbers`() = phone { phone ->
        phone.client.enqueue(sms("k"))
        val report = phone.client.report()
        assertTrue(report.isNotBlank())
        assertFalse("254711" in report)
    }

    @Test
    fun `receipts of notifications travel with the next sync`() = phone { phone ->
        assertTrue(phone.client.notificationReceived("n1"))
        phone.client.notificationOpened("n1")
        assertTrue(phone.sync().complete)
        assertContains(phone.server.requests.joinToString(), "n1")
    }

    @Test
    fun `a notification that is known is not shown twice and an id that is none names its field`() = phone { phone ->
        assertFalse(phone.client.notificationKnown("n1"))
        assertTrue(phone.client.notificationReceived("n1"))
        assertFalse(phone.client.notificationReceived("n1"))
        assertTrue(phone.client.notificationKnown("n1"))
        val refused = assertFailsWith<ClientException.FixInput> { phone.client.notificationReceived("n".repeat(65)) }
        assertEquals("id", refused.field)
    }

    @Test
    fun `the scheduler syncs by itself until it is stopped`() = phone { phone ->
        phone.client.setForeground(false)
        phone.client.start()
        val stored = phone.client.enqueue(sms("k"))
        phone.client.states(stored.id).collectUntil { it.state == DeviceState.ACCEPTED }
        phone.client.stop()
    }

    @Test
    fun `an operation runs after another and not before its time`() = phone { phone ->
        val upload = phone.client.enqueue(LocalStorage.upload("a.txt", "Habari".toByteArray(), key = "up"))
        val message = Sms.send("+254711000111", "See the file", key = "sms", after = after(upload.id), ttl = 2.days)
        val stored = phone.client.enqueue(message)
        assertEquals(After(upload.id, AfterOn.SUCCEEDED), stored.after)
    }

    @Test
    fun `an operation nobody knows is null, and waiting for it says so`() = phone { phone ->
        val unknown = UUID(0, 0)
        assertNull(phone.client.get(unknown))
        val error = assertFailsWith<ClientException.FixInput> { phone.client.awaitEnd(unknown) }
        assertEquals("not_found", error.code)
        assertFailsWith<ClientException.FixInput> { phone.client.cancel(unknown) }
        assertFailsWith<ClientException.FixInput> { phone.client.retry(unknown) }
    }

    @Test
    fun `deadlines without end and before the beginning are bounded`() = phone { phone ->
        assertTrue(phone.client.sync(deadline = kotlin.time.Duration.INFINITE).complete)
        phone.client.sync(deadline = (-1).seconds)
    }

    @Test
    fun `a closed client says so, and closing twice is nothing`() = phone { phone ->
        phone.client.close()
        phone.client.close()
        assertFailsWith<ClientException.NotOpen> { phone.client.enqueue(sms("k")) }
        assertFailsWith<ClientException.NotOpen> { phone.client.sync() }
        assertFailsWith<ClientException.NotOpen> { phone.client.start() }
        assertFailsWith<ClientException.NotOpen> { phone.client.awaitEnd(UUID(0, 0)) }
    }

    @Test
    fun `a client without tokens is not opened`() = inFolder<Unit> { folder ->
        assertFailsWith<IllegalArgumentException> { TarishiClient.open("$folder/a.db", "https://pay.example.org") {} }
    }

    @Test
    fun `a database that cannot be is a storage error`() = inFolder<Unit> { folder ->
        assertFailsWith<ClientException.Storage> {
            TarishiClient.open("$folder/none/a.db", "https://pay.example.org") { token("t") }
        }
    }

    @Test
    fun `pins must have the length of a digest`() = inFolder<Unit> { folder ->
        assertFailsWith<ClientException.FixInput> {
            TarishiClient.open("$folder/a.db", "https://pay.example.org") {
                token("t")
                tls(pins = listOf(ByteArray(31)))
            }
        }
    }

    @Test
    fun `the library's log reaches the app's`() {
        val records = LinkedBlockingQueue<LogRecord>()
        logTo(LogLevel.DEBUG) { records += it }
        phone { phone ->
            phone.client.enqueue(sms("k"))
            phone.sync()
        }
        val first = assertNotNull(records.poll(10, TimeUnit.SECONDS))
        assertTrue(first.target.startsWith("tarishi"))
        logTo(LogLevel.ERROR) {}
    }
}
