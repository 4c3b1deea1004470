package io.tarishi.testkit

import io.tarishi.jsonText

/** One request to sync, as the server saw it. */
public class TestRequest internal constructor(private val json: Map<*, *>) {
    /** The token it came with. */
    public val token: String? get() = json["token"] as String?

    /** The account it came for. */
    public val account: String? get() = json["account"] as String?

    /** The operations it carried. */
    public val operations: List<TestOperation>
        get() = (json["operations"] as? List<*>).orEmpty().map { TestOperation(it as Map<*, *>) }

    /** What it wished cancelled, by key. */
    public val cancellations: List<String> get() = (json["cancellations"] as? List<*>).orEmpty().map { it.toString() }

    override fun toString(): String = jsonText(json)

    internal companion object {
        fun all(json: String): List<TestRequest> = (JsonReader.read(json) as List<*>).map { TestRequest(it as Map<*, *>) }
    }
}

/** One operation, as the server saw it. */
public class TestOperation internal constructor(private val json: Map<*, *>) {
    /** Names this utterance. */
    public val id: String get() = json["id"] as String

    /** Names the effect. */
    public val key: String? get() = json["key"] as String?

    /** The adapter. */
    public val adapter: String get() = json["adapter"] as String

    /** The action. */
    public val action: String get() = json["action"] as String

    /** Its ordering key. */
    public val orderingKey: String? get() = json["ordering_key"] as String?

    /** The payload: text, numbers, booleans, maps, lists. */
    public val payload: Map<*, *> get() = json["payload"] as Map<*, *>

    override fun toString(): String = jsonText(json)
}
