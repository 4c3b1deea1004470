package io.tarishi

import com.google.gson.JsonObject
import com.google.gson.JsonParser
import io.tarishi.Audience.Companion.device
import io.tarishi.Audience.Companion.user
import io.tarishi.Audience.Companion.users
import java.io.File
import java.time.Instant
import java.util.UUID
import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.time.Duration.Companion.hours
import org.junit.jupiter.api.DynamicTest
import org.junit.jupiter.api.DynamicTest.dynamicTest
import org.junit.jupiter.api.TestFactory

/** Typed operations against the payloads that all languages share. */
class TypedOperationsTest {
    private val id = UUID.fromString("0198c2b0-7a00-7000-8000-000000000001")
    private val refunded = kes("200.00")
    private val maths = LookUp("idnumber", "M1")

    private val ours: Map<String, NewOperation> = mapOf(
        "mpesa.charge" to
            Mpesa.charge(kes("1000.00"), "+254711222333", "FEES-2026-17", key = "k", description = "Term 2 \"fees\""),
        "flutterwave.charge" to Flutterwave.charge(
            ugx("25000"),
            "FEES-2026-18",
            key = "k",
            phone = "+256701222333",
            description = "Fees",
            email = "parent@example.org",
            method = PaymentMethod.MOBILE_MONEY,
            returnUrl = "https://school.example.org/done",
        ),
        "pesapal.charge" to Pesapal.charge(
            kes("1500.50"),
            "FEES-2026-19",
            key = "k",
            phone = "+254711222333",
            description = "Fees – ndogo",
            email = "parent@example.org",
            method = PaymentMethod.LINK,
            returnUrl = "https://school.example.org/done",
        ),
        "mpesa.query" to Mpesa.query(id),
        "mpesa.refund" to Mpesa.refund(id, "paid twice", key = "k", amount = refunded),
        "flutterwave.query" to Flutterwave.query(id),
        "flutterwave.refund" to Flutterwave.refund(id, "paid twice", key = "k", amount = refunded),
        "pesapal.query" to Pesapal.query(id),
        "pesapal.refund" to Pesapal.refund(id, "paid twice", key = "k", amount = refunded),
        "mpesa.query#receipt" to Mpesa.query(receipt = "QK12345678"),
        "mpesa.refund#receipt" to Mpesa.refund(receipt = "QK12345678", reason = "all of it", key = "k"),
        "sms.send" to Sms.send(listOf("+254711222333", "+254711222334"), "Habari\\ya \u2028 leo\n\u0001", from = "SCHOOL"),
        "sms.send#one" to Sms.send("+254711222333", "Habari"),
        "sms.query" to Sms.query(id),
        "sms.query#message" to Sms.query(messageId = "ATXid_1"),
        "sms.balance" to Sms.balance(),
        "whatsapp.balance" to Whatsapp.balance(),
        "whatsapp.send" to Whatsapp.send("+254711222333", Template("fees_due", "sw", listOf("Amina", "1000.00"))),
        "whatsapp.send#media" to
            Whatsapp.send("+254711222333", "Ripoti", media = Media("https://school.example.org/r.pdf", "Ripoti")),
        "whatsapp.query" to Whatsapp.query(messageId = "wamid.1"),
        "push.send" to
            Push.send(user("acc_17"), "Fees", "Received", data = mapOf("screen" to "fees", "count" to 2, "new" to true)),
        "push.send#device" to Push.send(device("dev_1"), "Fees", "Received"),
        "push.query" to Push.query(id),
        "moodle.enroll" to Moodle.enroll(
            LookUp("username", "amina"),
            LookUp("shortname", "MATH-1"),
            role = "student",
            start = Instant.parse("2026-03-01T08:00:00Z"),
            end = Instant.parse("2026-06-01T08:00:00Z"),
            suspend = false,
        ),
        "moodle.sync_grades" to Moodle.pushGrades(maths, listOf(GradeEntry("amina", "78.5")), item = "exam-1"),
        "moodle.sync_grades#pull" to Moodle.pullGrades(maths),
        "moodle.sync_courses" to Moodle.syncCourses(category = "2026"),
        "moodle.create_course" to Moodle.createCourse("M1", "Mathematics 1", "MATH-1", category = "2026"),
        "notifications.notify" to Notifications.notify(
            "fees_received",
            user("acc_17"),
            data = mapOf("name" to "Amina", "amount" to "1000.00"),
            dedupeKey = "fees-17",
        ),
        "notifications.notify#list" to Notifications.notify("closed_tomorrow", users(listOf("acc_17", "acc_18"))),
    ) + files(GoogleDrive) + files(LocalStorage)

    private fun files(store: Files): Map<String, NewOperation> = mapOf(
        "${store.adapter}.upload" to
            store.upload("reports/2026/amina.txt", "Habari".toByteArray(), contentType = "text/plain"),
        "${store.adapter}.download" to store.downloadById("file-1"),
        "${store.adapter}.delete" to store.delete("reports/2026/amina.txt"),
        "${store.adapter}.list" to store.list("reports", limit = 50, cursor = "c1"),
    )

    @TestFactory
    fun `each typed operation writes the shared payload`(): List<DynamicTest> {
        val shared = JsonParser.parseString(File("bindings/payloads.json").readText()).asJsonArray.map { it.asJsonObject }
        val names = shared.map { it["name"].asString }
        return listOf(dynamicTest("all of them are written here") { assertEquals(names.toSet(), ours.keys) }) +
            shared.map { dynamicTest(it["name"].asString) { same(it) } }
    }

    private fun same(shared: JsonObject) {
        val name = shared["name"].asString
        val operation = ours.getValue(name)
        assertEquals(name.substringBefore('#'), "${operation.adapter}.${operation.action}")
        assertEquals(shared["payload"], JsonParser.parseString(operation.payload))
        assertEquals(1u, operation.version)
    }

    @Test
    fun `each typed operation is taken by the library`() = phone { phone ->
        val results = phone.client.enqueue(ours.map { (name, operation) -> operation.copy(key = name) })
        ours.keys.zip(results).forEach { (name, result) -> assertEquals(name, result.getOrThrow().key) }
    }

    @Test
    fun `the other ways to say it are taken too`() = phone { phone ->
        val blob = BlobRef("blob-1", "0".repeat(64), 70_000u)
        val operations = listOf(
            GoogleDrive.upload("a.bin", blob),
            LocalStorage.download("a.txt"),
            LocalStorage.deleteById("file-1"),
            LocalStorage.list(),
            Push.query(messageId = "m"),
            Whatsapp.query(id),
            Whatsapp.send(listOf("+254711222333"), Template("t", "en")),
            Flutterwave.query(receipt = "r"),
            operation("mpesa", "query", mapOf("receipt" to "r")),
        )
        phone.client.enqueue(operations).forEach { it.getOrThrow() }
        assertEquals(listOf(blob), operations[0].blobs)
    }

    @Test
    fun `what goes beside the payload goes with it`() {
        val after = after(id, AfterOn.ENDED)
        val operation = Sms.send(
            "+254711222333",
            "Habari",
            key = "k",
            orderingKey = "student:881",
            onFailure = OnFailure.HALT,
            priority = Priority.HIGH,
            ttl = 2.hours,
            after = after,
        )
        assertEquals(
            listOf("k", "student:881", OnFailure.HALT, Priority.HIGH, java.time.Duration.ofHours(2), after),
            operation.run { listOf(key, orderingKey, onFailure, priority, ttl, this.after) },
        )
    }
}
