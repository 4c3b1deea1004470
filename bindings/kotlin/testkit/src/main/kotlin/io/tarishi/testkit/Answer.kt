package io.tarishi.testkit

/** What the server says in one answer; what is not said is friendly. */
public class Answer internal constructor() {
    private val receipts = mutableListOf<Map<String, Any?>>()
    private val changes = mutableListOf<Map<String, Any?>>()
    private val cancellations = mutableListOf<Map<String, Any?>>()
    private var token: String? = null

    /** Refuses the operation of this key for good. */
    public fun refuse(key: String, field: String? = null, code: String = "invalid_value") {
        receipts += mapOf("key" to key, "status" to "refused", "problem" to problem(code, field))
    }

    /** The operation of this key must come again later. */
    public fun later(key: String, code: String = "busy", retryAfterMs: Long? = null) {
        val receipt = mapOf("key" to key, "status" to "later", "problem" to problem(code), "retry_after_ms" to retryAfterMs)
        receipts += receipt.filterValues { it != null }
    }

    /** The operation of this key succeeds; [outcome] is JSON. */
    public fun succeed(key: String, outcome: String = "{}"): Unit = change(key, "succeeded", outcome)

    /** The operation of this key fails at the provider. */
    public fun fail(key: String, code: String = "provider_rejected") {
        changes += mapOf("key" to key, "state" to "failed", "problem" to problem(code))
    }

    /** The payment of this key waits for the payer to open [url]. */
    public fun checkout(key: String, url: String) {
        changes += mapOf("key" to key, "state" to "waiting", "outcome" to mapOf("interim" to mapOf("open_url" to mapOf("url" to url))))
    }

    /** The operation of this key moves; [state] is a word of the protocol, [outcome] is JSON. */
    public fun change(key: String, state: String, outcome: String? = null) {
        val change = mapOf("key" to key, "state" to state, "outcome" to outcome?.let(JsonReader::read))
        changes += change.filterValues { it != null }
    }

    /** The answer to the wish to cancel the operation of this key: `cancelled` or `too_late`. */
    public fun cancellation(key: String, result: String) {
        cancellations += mapOf("key" to key, "result" to result)
    }

    /** Gives the device another token. */
    public fun rotate(token: String) {
        this.token = token
    }

    internal fun json(): Map<String, Any?> =
        mapOf("receipts" to receipts, "changes" to changes, "cancellations" to cancellations, "token" to token)

    private fun problem(code: String, field: String? = null) =
        mapOf("code" to code, "field" to field).filterValues { it != null }
}
