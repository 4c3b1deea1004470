// A small app without a screen: pays, goes offline, comes back, opens a checkout page. Its twin is examples/swift-cli.
//
// It is told by the environment: TARISHI_SERVER (a Tarishi server on the sandbox's providers), TARISHI_TOKEN (a device's token
// there), TARISHI_SCRIPTED (the scripted server, which plays a provider with hosted pages), TARISHI_FOLDER (for the databases; one
// of its own if not said). bindings/tools/kotlin.sh starts all of them and compares what is printed with bindings/expected.txt.

import io.tarishi.Flutterwave
import io.tarishi.Money
import io.tarishi.Mpesa
import io.tarishi.Network
import io.tarishi.OperationId
import io.tarishi.OperationRecord
import io.tarishi.OperationState
import io.tarishi.Outcome
import io.tarishi.PaymentMethod
import io.tarishi.Sms
import io.tarishi.TarishiClient
import io.tarishi.UrlConnectionTransport
import io.tarishi.kes
import java.io.File
import java.net.URI
import java.net.http.HttpClient
import java.net.http.HttpRequest.BodyPublishers
import java.net.http.HttpRequest
import java.net.http.HttpResponse.BodyHandlers
import java.nio.file.Files
import kotlin.system.exitProcess
import kotlin.time.Duration.Companion.seconds
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.flow.firstOrNull
import kotlinx.coroutines.flow.mapNotNull
import kotlinx.coroutines.runBlocking

private fun setting(name: String): String = checkNotNull(System.getenv(name)) { "$name is not set" }

private fun queued(record: OperationRecord, amount: Money? = null) {
    val sum = amount?.let { " ${it.amount} ${it.currency}" }.orEmpty()
    println("queued ${record.key} ${record.adapter} ${record.action}$sum")
}

private fun ended(end: OperationState) {
    val what = when (val outcome = end.outcome) {
        is Outcome.Charged -> "receipt ${outcome.receipt}"
        is Outcome.Messages -> "${outcome.messages.size} message"
        else -> end.problem?.detail ?: "without an outcome"
    }
    println("${end.record.key} ${end.state.name.lowercase()} $what")
}

/** A parent pays; there is a network. */
private suspend fun pay(client: TarishiClient) {
    println("== pay")
    val amount = kes("1000.00")
    val payment = client.enqueue(
        Mpesa.charge(amount, phone = "+254712345678", reference = "FEE-1", key = "fee-1", orderingKey = "student:881"),
    )
    queued(payment, amount)
    val report = client.sync(deadline = 10.seconds)
    println("synced ${report.accepted} accepted")
    client.start()
    ended(client.awaitEnd(payment.id))
    client.stop()
}

/** The network is gone; the app goes on as if it were there. */
private suspend fun goOffline(client: TarishiClient): List<OperationId> {
    println("== offline")
    client.setNetwork(Network.OFFLINE)
    println("offline")
    val amount = kes("250.00")
    val payment = client.enqueue(
        Mpesa.charge(amount, phone = "+254712345678", reference = "FEE-2", key = "fee-2", orderingKey = "student:881"),
    )
    queued(payment, amount)
    val thanks = client.enqueue(
        Sms.send("+254712345678", "Thank you, we got your payment.", key = "sms-1", orderingKey = "student:881"),
    )
    queued(thanks)
    val reason = client.why(payment.id).reason
    println("waiting ${client.queue().first().pending} because ${reason.name.lowercase()}")
    return listOf(payment.id, thanks.id)
}

/** The network is back, and the library does the rest. */
private suspend fun comeBack(client: TarishiClient, ids: List<OperationId>) {
    println("== back")
    client.setNetwork(Network.UNMETERED)
    println("online")
    client.start()
    ids.forEach { ended(client.awaitEnd(it)) }
}

/** A provider with a hosted page: the payer opens it, then the payment ends. */
private suspend fun checkOut(client: TarishiClient) {
    println("== checkout")
    val amount = kes("500.00")
    val payment = client.enqueue(
        Flutterwave.charge(
            amount,
            reference = "FEE-3",
            key = "fee-3",
            email = "parent@example.org",
            method = PaymentMethod.LINK,
            returnUrl = "https://school.example.org/paid",
        ),
    )
    queued(payment, amount)
    client.sync(deadline = 10.seconds)
    val page = client.states(payment.id).mapNotNull { it.checkoutUrl }.firstOrNull()
    println("open $page")
    client.sync(deadline = 10.seconds)
    ended(client.awaitEnd(payment.id))
}

/** Begins a session at the scripted server: first a page to open, then the money. */
private fun scriptedServer(): String {
    val begun = post("${setting("TARISHI_SCRIPTED")}/_sessions", "")
    val session = begun.substringAfter("\"url\"").substringAfter('"').substringBefore('"')
    val script = """
        [{"changes": [{"key": "fee-3", "state": "waiting",
            "outcome": {"interim": {"open_url": {"url": "https://checkout.example/pay/abc"}}}}]},
         {"changes": [{"key": "fee-3", "state": "succeeded",
            "outcome": {"receipt": "FLW-1", "amount": {"amount": "500.00", "currency": "KES"}}}]}]
    """
    post("$session/_script", script)
    return session
}

private fun post(url: String, body: String): String {
    val request = HttpRequest.newBuilder(URI(url)).POST(BodyPublishers.ofString(body)).build()
    return HttpClient.newHttpClient().send(request, BodyHandlers.ofString()).body()
}

private suspend fun run() {
    val folder = System.getenv("TARISHI_FOLDER")?.let(::File) ?: Files.createTempDirectory("kotlin-cli").toFile()
    folder.mkdirs()
    TarishiClient.open(File(folder, "amina.db").path, setting("TARISHI_SERVER")) {
        token(setting("TARISHI_TOKEN"))
    }.use { client ->
        pay(client)
        comeBack(client, goOffline(client))
    }
    // The platform's own HTTP, for a change.
    TarishiClient.open(File(folder, "hosted.db").path, scriptedServer()) {
        token("t1")
        transport(UrlConnectionTransport())
    }.use { checkOut(it) }
    println("== done")
}

fun main() {
    try {
        runBlocking { run() }
    } catch (error: Exception) {
        println("failed: $error")
        exitProcess(1)
    }
}
