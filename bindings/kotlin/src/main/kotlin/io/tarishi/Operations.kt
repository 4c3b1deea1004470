package io.tarishi

import kotlin.time.Duration
import kotlin.time.Duration.Companion.days
import kotlin.time.toJavaDuration

/**
 * An operation for an adapter that has no object here. The typed ones ([Mpesa], [Sms], …) are checked by the compiler; this one
 * is checked when it is enqueued. [payload] may hold text, whole numbers, booleans, [Money], maps, lists and `null`.
 */
public fun operation(
    adapter: String,
    action: String,
    payload: Map<String, Any?>,
    key: String? = null,
    orderingKey: String? = null,
    onFailure: OnFailure = OnFailure.CONTINUE,
    priority: Priority = Priority.NORMAL,
    ttl: Duration? = null,
    after: After? = null,
    blobs: List<BlobRef> = emptyList(),
): NewOperation = NewOperation(
    adapter = adapter,
    action = action,
    payload = JsonWriter.write(payload),
    onFailure = onFailure,
    priority = priority,
    key = key,
    orderingKey = orderingKey,
    ttl = ttl?.bounded(),
    after = after,
    blobs = blobs,
)

/** Runs only once the operation [id] of this device has ended so: `after = after(payment.id)`. */
public fun after(id: OperationId, on: AfterOn = AfterOn.SUCCEEDED): After = After(id, on)

/** The fields that are there. */
internal fun fields(vararg fields: Pair<String, Any?>): Map<String, Any?> = fields.filter { it.second != null }.toMap()

/** The library counts in whole nanoseconds from now on; below nothing and above a century it need not. */
internal fun Duration.bounded(): java.time.Duration = coerceIn(Duration.ZERO, 36_500.days).toJavaDuration()
