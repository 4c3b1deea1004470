package io.tarishi.scenario

import com.google.gson.JsonArray
import com.google.gson.JsonElement
import com.google.gson.JsonNull
import com.google.gson.JsonObject
import com.google.gson.JsonPrimitive

/** What a step gave against what it expects; says where they differ, or `null`. */
class Matching(private val names: Map<String, String>) {
    fun differs(expected: JsonElement, actual: JsonElement, path: String = ""): String? = when {
        expected is JsonObject && expected.keySet().any { it.startsWith("$") } ->
            expected.entrySet().firstNotNullOfOrNull { (name, argument) -> operator(name, argument, actual, path) }
        expected is JsonObject && actual is JsonObject -> expected.entrySet().firstNotNullOfOrNull { (name, inner) ->
            differs(inner, actual[name] ?: JsonNull.INSTANCE, "$path.$name")
        }
        expected is JsonArray && actual is JsonArray && expected.size() == actual.size() ->
            expected.indices().firstNotNullOfOrNull { differs(expected[it], actual[it], "$path[$it]") }
        expected is JsonArray -> wrong(path, "an array of ${expected.size()}", actual)
        expected.text()?.startsWith("$") == true -> {
            val id = names[expected.asString.drop(1)]
            if (id != null && actual.text() == id) null else wrong(path, "${expected.asString} = $id", actual)
        }
        expected == actual -> null
        else -> wrong(path, "$expected", actual)
    }

    private fun operator(name: String, argument: JsonElement, actual: JsonElement, path: String): String? {
        val holds = when (name) {
            "\$any" -> !actual.isJsonNull
            "\$contains" -> when {
                actual is JsonArray -> actual.any { differs(argument, it, path) == null }
                else -> actual.text()?.contains(argument.asString) == true
            }
            "\$not" -> differs(argument, actual, path) != null
            "\$length" -> argument.asInt == ((actual as? JsonArray)?.size() ?: actual.text()?.let { it.codePointCount(0, it.length) })
            "\$gte" -> (actual as? JsonPrimitive)?.isNumber == true && actual.asLong >= argument.asLong
            else -> throw IllegalArgumentException("$path: no such operator: $name")
        }
        return if (holds) null else wrong(path, "$name $argument", actual)
    }

    private fun wrong(path: String, what: String, actual: JsonElement) =
        "${path.ifEmpty { "the result" }}: expected $what, got $actual"

    private fun JsonElement.text(): String? = (this as? JsonPrimitive)?.takeIf { it.isString }?.asString

    private fun JsonArray.indices() = 0 until size()
}
