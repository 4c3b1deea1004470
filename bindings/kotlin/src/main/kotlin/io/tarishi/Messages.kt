package io.tarishi

import kotlin.time.Duration

/** An approved message template: its [name] and [language] (`en`, `sw`) at the provider, and what is filled in, in order. */
public data class Template(val name: String, val language: String, val params: List<String> = emptyList())

/** A picture or document by its address, and the text below it. */
public data class Media(val url: String, val caption: String? = null)

/** What the providers of messages to phones can do. */
public sealed class Messages(
    /** The adapter's name. */
    public val adapter: String,
) {
    /** Sends the text [message] to one phone, [to] (`+254712345678`). [from] is the sender's id. */
    public fun send(
        to: String,
        message: String,
        from: String? = null,
        media: Media? = null,
        key: String? = null,
        orderingKey: String? = null,
        onFailure: OnFailure = OnFailure.CONTINUE,
        priority: Priority = Priority.NORMAL,
        ttl: Duration? = null,
        after: After? = null,
    ): NewOperation {
        val payload = fields("to" to to, "message" to message, "from" to from, "media" to media?.json())
        return operation(adapter, "send", payload, key, orderingKey, onFailure, priority, ttl, after)
    }

    /** Sends the text [message] to up to 100 phones, [to]. Each gets its own [MessageStatus]. [from] is the sender's id. */
    public fun send(
        to: List<String>,
        message: String,
        from: String? = null,
        media: Media? = null,
        key: String? = null,
        orderingKey: String? = null,
        onFailure: OnFailure = OnFailure.CONTINUE,
        priority: Priority = Priority.NORMAL,
        ttl: Duration? = null,
        after: After? = null,
    ): NewOperation {
        val payload = fields(
            "to" to (to.singleOrNull() ?: to),
            "message" to message,
            "from" to from,
            "media" to media?.json(),
        )
        return operation(adapter, "send", payload, key, orderingKey, onFailure, priority, ttl, after)
    }

    /** Sends an approved [template] to one phone, [to] (`+254712345678`). [from] is the sender's id. */
    public fun send(
        to: String,
        template: Template,
        from: String? = null,
        media: Media? = null,
        key: String? = null,
        orderingKey: String? = null,
        onFailure: OnFailure = OnFailure.CONTINUE,
        priority: Priority = Priority.NORMAL,
        ttl: Duration? = null,
        after: After? = null,
    ): NewOperation {
        val payload = fields("to" to to, "template" to template.json(), "from" to from, "media" to media?.json())
        return operation(adapter, "send", payload, key, orderingKey, onFailure, priority, ttl, after)
    }

    /** Sends an approved [template] to up to 100 phones, [to]. Each gets its own [MessageStatus]. [from] is the sender's id. */
    public fun send(
        to: List<String>,
        template: Template,
        from: String? = null,
        media: Media? = null,
        key: String? = null,
        orderingKey: String? = null,
        onFailure: OnFailure = OnFailure.CONTINUE,
        priority: Priority = Priority.NORMAL,
        ttl: Duration? = null,
        after: After? = null,
    ): NewOperation {
        val payload = fields(
            "to" to (to.singleOrNull() ?: to),
            "template" to template.json(),
            "from" to from,
            "media" to media?.json(),
        )
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

    /** Asks what the account holds. WhatsApp has none: it ends as `unsupported`, with what was spent by the server's books. */
    public fun balance(
        key: String? = null,
        orderingKey: String? = null,
        onFailure: OnFailure = OnFailure.CONTINUE,
        priority: Priority = Priority.NORMAL,
        ttl: Duration? = null,
        after: After? = null,
    ): NewOperation {
        val payload = fields()
        return operation(adapter, "balance", payload, key, orderingKey, onFailure, priority, ttl, after)
    }

    private fun Template.json() = mapOf("name" to name, "language" to language, "params" to params)

    private fun Media.json() = fields("url" to url, "caption" to caption)
}

/** Text messages. */
public object Sms : Messages("sms")

/** WhatsApp. Outside a conversation only approved templates are delivered. */
public object Whatsapp : Messages("whatsapp")
