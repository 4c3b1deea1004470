package io.tarishi.testkit

import io.tarishi.ScriptedServer
import io.tarishi.jsonText
import kotlin.time.Duration

/**
 * The companion server as a test wants it. Left alone it is friendly: it accepts everything. Each call below says what happens
 * to *one* request to sync, in the order of the calls; [answer] says several things about the same request.
 */
public class TestServer : AutoCloseable {
    /** What the client talks to. */
    public val scripted: ScriptedServer = ScriptedServer()

    /** The requests to sync that reached it so far. */
    public val requests: List<TestRequest> get() = TestRequest.all(scripted.requests())

    /** All operations that reached it, as often as they did. */
    public val operations: List<TestOperation> get() = requests.flatMap { it.operations }

    /** Accepts what comes. */
    public fun accept(): Unit = answer {}

    /** Refuses the operation of this key for good. */
    public fun refuse(key: String, field: String? = null, code: String = "invalid_value"): Unit =
        answer { refuse(key, field, code) }

    /** The operation of this key succeeds; [outcome] is JSON. */
    public fun succeed(key: String, outcome: String = "{}"): Unit = answer { succeed(key, outcome) }

    /** The operation of this key fails at the provider. */
    public fun fail(key: String, code: String = "provider_rejected"): Unit = answer { fail(key, code) }

    /** The payment of this key waits for the payer to open [url]. */
    public fun checkout(key: String, url: String): Unit = answer { checkout(key, url) }

    /** Answers with a bare status, and perhaps says when to come again. */
    public fun status(status: Int, retryAfter: Duration? = null) {
        val headers = retryAfter?.let { mapOf("Retry-After" to it.inWholeSeconds.toString()) }
        step(mapOf("status" to status, "headers" to headers))
    }

    /** Somebody else answers: the login page of a café. */
    public fun captivePortal(): Unit =
        step(mapOf("status" to 200, "headers" to mapOf("Content-Type" to "text/html"), "body" to "<html>Log in</html>"))

    /** The request is lost on its way. */
    public fun loseRequest(): Unit = step(mapOf("drop" to "before"))

    /** The request is processed and the answer is lost. */
    public fun loseAnswer(): Unit = step(mapOf("drop" to "after"))

    /** The library itself fails during the next request: what an app sees of a defect in it. */
    public fun panic(): Unit = step(mapOf("panic" to true))

    /** No answer, until the client gives up. */
    public fun hang(): Unit = step(mapOf("hang" to true))

    /** What the answer to one request says. */
    public fun answer(say: Answer.() -> Unit): Unit = step(Answer().apply(say).json())

    /** Steps as JSON, an array. */
    public fun script(steps: String): Unit = scripted.script(steps)

    /** Nothing reaches the server while this is true. */
    public fun unreachable(unreachable: Boolean): Unit = scripted.setUnreachable(unreachable)

    /** The tokens that it takes; without any, every token. */
    public fun tokens(vararg tokens: String): Unit = scripted.setTokens(tokens.toList().ifEmpty { null })

    override fun close(): Unit = scripted.close()

    private fun step(step: Map<String, Any?>) {
        script(jsonText(listOf(step.filterValues { it != null })))
    }
}
