package io.tarishi

import kotlin.time.Duration

/** Whom a push or a notification is for. */
public class Audience private constructor(internal val json: Map<String, Any>) {
    /** The ways to say it. */
    public companion object {
        /** An account of the tenant, on all its devices. */
        public fun user(account: String): Audience = Audience(mapOf("user" to account))

        /** One device. */
        public fun device(device: String): Audience = Audience(mapOf("device" to device))

        /** Several accounts. */
        public fun users(accounts: List<String>): Audience = Audience(mapOf("list" to accounts))
    }
}

/** Push notifications. */
public object Push {
    private const val adapter = "push"

    /** Sends [title] and [body] to the devices of [to]. [data] is for the app: text, whole numbers, booleans, maps, lists. */
    public fun send(
        to: Audience,
        title: String,
        body: String,
        data: Map<String, Any?>? = null,
        key: String? = null,
        orderingKey: String? = null,
        onFailure: OnFailure = OnFailure.CONTINUE,
        priority: Priority = Priority.NORMAL,
        ttl: Duration? = null,
        after: After? = null,
    ): NewOperation {
        val payload = fields("to" to to.json, "title" to title, "body" to body, "data" to data)
        return operation(adapter, "send", payload, key, orderingKey, onFailure, priority, ttl, after)
    }

    /** Asks about the messages of [operation], a `send` of this app. */
    public fun query(
        operation: OperationId,
        key: String? = null,
        orderingKey: String? = null,
        onFailure: OnFailure = OnFailure.CONTINUE,
        priority: Priority = Priority.NORMAL,
        ttl: Duration? = null,
        after: After? = null,
    ): NewOperation {
        val payload = fields("operation_id" to operation.toString())
        return operation(adapter, "query", payload, key, orderingKey, onFailure, priority, ttl, after)
    }

    /** Asks about one message by the provider's id of it. */
    public fun query(
        messageId: String,
        key: String? = null,
        orderingKey: String? = null,
        onFailure: OnFailure = OnFailure.CONTINUE,
        priority: Priority = Priority.NORMAL,
        ttl: Duration? = null,
        after: After? = null,
    ): NewOperation {
        val payload = fields("message_id" to messageId)
        return operation(adapter, "query", payload, key, orderingKey, onFailure, priority, ttl, after)
    }
}

/** Reaches a person on the best channel: push, WhatsApp, SMS, as the tenant's route says. */
public object Notifications {
    private const val adapter = "notifications"

    /**
     * Notifies [to]. [type] chooses texts and route, and [data] is what the texts are filled with. Within a short time
     * notifications with one [dedupeKey] are one.
     */
    public fun notify(
        type: String,
        to: Audience,
        data: Map<String, Any?> = emptyMap(),
        dedupeKey: String? = null,
        key: String? = null,
        orderingKey: String? = null,
        onFailure: OnFailure = OnFailure.CONTINUE,
        priority: Priority = Priority.NORMAL,
        ttl: Duration? = null,
        after: After? = null,
    ): NewOperation {
        val payload = fields("type" to type, "to" to to.json, "data" to data, "dedupe_key" to dedupeKey)
        return operation(adapter, "notify", payload, key, orderingKey, onFailure, priority, ttl, after)
    }
}
