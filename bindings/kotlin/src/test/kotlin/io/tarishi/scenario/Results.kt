package io.tarishi.scenario

import com.google.gson.JsonArray
import com.google.gson.JsonElement
import com.google.gson.JsonNull
import com.google.gson.JsonObject
import com.google.gson.JsonParser
import com.google.gson.JsonPrimitive
import io.tarishi.ClientException
import io.tarishi.Event
import io.tarishi.LogoutReport
import io.tarishi.OperationRecord
import io.tarishi.Problem
import io.tarishi.QueueState
import io.tarishi.SyncReport
import io.tarishi.Why

/** What calls give, as JSON in the words of the scenarios. */
object Results {
    fun of(value: Any?): JsonElement = when (value) {
        null, Unit -> JsonNull.INSTANCE
        is JsonElement -> value
        is String -> JsonPrimitive(value)
        is Boolean -> JsonPrimitive(value)
        is Number -> JsonPrimitive(value)
        is ULong -> JsonPrimitive(value.toLong())
        is UShort -> JsonPrimitive(value.toInt())
        is Enum<*> -> JsonPrimitive(value.name.lowercase())
        is List<*> -> JsonArray().apply { value.forEach { add(of(it)) } }
        is OperationRecord -> record(value)
        is Problem -> problem(value)
        is SyncReport -> report(value)
        is Why -> json("reason" to value.reason, "behind" to value.behind?.toString())
        is LogoutReport ->
            json("never_sent" to value.neverSent, "maybe_sent" to value.maybeSent, "running" to value.running)
        is QueueState -> json(*value.counts.map { (state, count) -> state.name.lowercase() to count }.toTypedArray())
        is Event -> event(value)
        is ClientException -> error(value)
        else -> throw IllegalArgumentException("no result: $value")
    }

    fun json(vararg fields: Pair<String, Any?>): JsonObject =
        JsonObject().apply { fields.forEach { (name, value) -> add(name, of(value)) } }

    private fun record(record: OperationRecord) = json(
        "id" to record.id.toString(),
        "key" to record.key,
        "adapter" to record.adapter,
        "action" to record.action,
        "state" to record.state,
        "ordering_key" to record.orderingKey,
        "payload" to record.payload?.let(JsonParser::parseString),
        "outcome" to record.outcome?.let(JsonParser::parseString),
        "problem" to record.problem,
        "origin" to record.origin,
        "cancel_requested" to record.cancelRequested,
        "retry_of" to record.retryOf?.toString(),
        "replaces" to record.replaces?.toString(),
        "seq" to record.seq,
    )

    private fun problem(problem: Problem) = json(
        "type" to problem.kind,
        "code" to problem.code,
        "status" to problem.status,
        "detail" to problem.detail,
        "retryable" to problem.retryable,
        "field" to problem.field,
        "retry_after_ms" to problem.retryAfterMs,
        "provider_code" to problem.providerCode,
    )

    private fun report(report: SyncReport) = json(
        "exchanges" to report.exchanges,
        "accepted" to report.accepted,
        "refused" to report.refused,
        "pending" to report.pending,
        "bytes_up" to report.bytesUp,
        "bytes_down" to report.bytesDown,
        "complete" to report.complete,
        "reason" to report.reason,
    )

    private fun event(event: Event) = when (event) {
        is Event.OperationChanged -> json("event" to "operation_changed", "of" to event.id.toString(), "state" to event.state)
        is Event.NeedsAuth -> json("event" to "needs_auth")
        is Event.UpgradeRequired -> json("event" to "upgrade_required")
        is Event.CopiedDevice -> json("event" to "copied_device")
        is Event.Report -> json("event" to "report")
    }

    private fun error(error: ClientException): JsonObject = when (error) {
        is ClientException.SignIn -> json("kind" to "sign_in")
        is ClientException.Wait -> json("kind" to "wait")
        is ClientException.FixInput -> json("kind" to "fix_input", "field" to error.field.ifEmpty { null }, "code" to error.code)
        is ClientException.NotAllowed -> json("kind" to "not_allowed")
        is ClientException.Storage -> json("kind" to "storage")
        is ClientException.Upgrade -> json("kind" to "upgrade")
        is ClientException.NewDevice -> json("kind" to "new_device")
        is ClientException.NotOpen -> json("kind" to "not_open")
        is ClientException.Stopped -> json("kind" to "stopped")
        is ClientException.Bug -> json("kind" to "bug")
    }
}
