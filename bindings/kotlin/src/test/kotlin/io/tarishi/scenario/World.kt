package io.tarishi.scenario

import com.google.gson.JsonArray
import com.google.gson.JsonElement
import com.google.gson.JsonNull
import com.google.gson.JsonObject
import com.google.gson.JsonPrimitive
import io.tarishi.After
import io.tarishi.AfterOn
import io.tarishi.ClientException
import io.tarishi.NewOperation
import io.tarishi.OnFailure
import io.tarishi.OperationId
import io.tarishi.Priority
import java.time.Duration
import java.util.UUID
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.withTimeoutOrNull

/** One scenario: carries out its steps and says at which one it went another way. */
class World(private val scenario: JsonObject, val road: Road) : AutoCloseable {
    val device = Device(scenario["options"]?.asJsonObject ?: JsonObject(), road)
    private val names = mutableMapOf<String, String>()

    suspend fun run() {
        scenario["steps"].asJsonArray.forEachIndexed { index, step ->
            val wrong = step(step.asJsonObject)
            if (wrong != null) throw AssertionError("step ${index + 1} (${step.asJsonObject["do"]}): $wrong")
        }
    }

    override fun close() = device.close()

    private suspend fun step(whole: JsonObject): String? {
        val said = whole.deepCopy()
        val expect = said.remove("expect")
        val error = said.remove("error")
        val fields = Fields(said)
        val verb = fields.text("do")
        if (verb == "events") return events(expect).also { fields.finish() }
        val got = try {
            Verbs(this, fields).carryOut(verb)
        } catch (thrown: ClientException) {
            val told = Results.of(thrown)
            return if (error == null) "$told: $thrown" else differs(error, told)
        }
        fields.finish()
        if (error != null) return "expected the error $error, got $got"
        return expect?.let { differs(it, got) }
    }

    /** What happened so far, once it is as expected or the time is up. */
    private suspend fun events(expect: JsonElement?): String? {
        expect ?: return null
        var wrong: String? = null
        withTimeoutOrNull(5_000) {
            device.events.first { heard ->
                wrong = differs(expect, Results.of(heard))
                wrong == null
            }
        }
        return wrong
    }

    private fun differs(expected: JsonElement, actual: JsonElement) = Matching(names).differs(expected, actual)

    fun id(name: String): OperationId = UUID.fromString(checkNotNull(names[name]) { "no step named $name" })

    fun name(name: String?, record: JsonElement) {
        if (name != null) names[name] = record.asJsonObject["id"].asString
    }
}

/** The fields of a step or an operation; those that nobody asked for are an error. */
class Fields(private val json: JsonObject) {
    private val asked = mutableSetOf<String>()

    operator fun get(name: String): JsonElement? {
        asked += name
        return json[name]
    }

    fun has(name: String): Boolean = json.has(name).also { asked += name }

    fun text(name: String): String = checkNotNull(maybeText(name)) { "$name is missing" }

    fun maybeText(name: String): String? = get(name)?.takeUnless { it.isJsonNull }?.asString

    fun long(name: String): Long? = get(name)?.takeUnless { it.isJsonNull }?.asLong

    fun boolean(name: String): Boolean = get(name)?.asBoolean ?: false

    /** All of them, for one who checks them himself. */
    fun whole(): JsonObject = json.also { asked += json.keySet() }

    fun finish() {
        val unknown = json.keySet() - asked
        check(unknown.isEmpty()) { "no runner knows $unknown" }
    }
}

inline fun <reified E : Enum<E>> word(text: String): E =
    checkNotNull(enumValues<E>().find { it.name.lowercase() == text }) { "no such word: $text" }

/** An operation as a scenario writes it. */
fun World.operation(said: JsonObject): Pair<NewOperation, String?> {
    val fields = Fields(said)
    fields["do"]
    val after = fields["after"]?.asJsonObject?.let { After(id(it["of"].asString), word<AfterOn>(it["on"].asString)) }
    val operation = NewOperation(
        adapter = fields.text("adapter"),
        action = fields.text("action"),
        payload = checkNotNull(fields["payload"]).asJsonObject.toString(),
        onFailure = fields.maybeText("on_failure")?.let { word<OnFailure>(it) } ?: OnFailure.CONTINUE,
        priority = fields.maybeText("priority")?.let { word<Priority>(it) } ?: Priority.NORMAL,
        key = fields.maybeText("key"),
        orderingKey = fields.maybeText("ordering_key"),
        ttl = fields.long("ttl_ms")?.let(Duration::ofMillis),
        after = after,
    )
    return Pair(operation, fields.maybeText("as")).also { fields.finish() }
}

/** `null` in the file is `null`, and nothing at all is nothing. */
internal fun JsonElement?.strings(): List<String>? = (this as? JsonArray)?.map { (it as JsonPrimitive).asString }

internal val nothing: JsonElement = JsonNull.INSTANCE
