package io.tarishi

/** JSON text of maps, lists, text, numbers, booleans, [Money] and `null`, for [TarishiClient.replace] and for tests. */
public fun jsonText(value: Any?): String = JsonWriter.write(value)

/** What it does not know it refuses. */
internal object JsonWriter {
    fun write(value: Any?): String = StringBuilder().also { value(it, value) }.toString()

    private fun value(out: StringBuilder, value: Any?) {
        when (value) {
            null, is Boolean, is Int, is Long, is Short, is Byte, is UInt, is ULong -> out.append(value)
            is String -> text(out, value)
            is Float, is Double -> number(out, (value as Number).toDouble())
            is java.math.BigDecimal -> out.append(value.toPlainString())
            is java.math.BigInteger -> out.append(value)
            is Money -> value(out, mapOf("amount" to value.amount, "currency" to value.currency))
            is Enum<*> -> text(out, value.name.lowercase())
            is Map<*, *> -> all(out, '{', value.entries, '}') { (name, inner) ->
                require(name is String) { "a name in JSON must be text: $name" }
                text(out, name)
                out.append(':')
                value(out, inner)
            }
            is Iterable<*> -> all(out, '[', value, ']') { value(out, it) }
            is Array<*> -> all(out, '[', value.asList(), ']') { value(out, it) }
            else -> throw IllegalArgumentException("no JSON for ${value::class.java.name}")
        }
    }

    private fun <T> all(out: StringBuilder, open: Char, items: Iterable<T>, close: Char, each: (T) -> Unit) {
        out.append(open)
        items.forEachIndexed { index, item ->
            if (index > 0) out.append(',')
            each(item)
        }
        out.append(close)
    }

    private fun number(out: StringBuilder, value: Double) {
        require(value.isFinite()) { "no JSON for $value" }
        out.append(value)
    }

    private fun text(out: StringBuilder, text: String) {
        out.append('"')
        text.forEachIndexed { index, char ->
            when {
                char == '"' -> out.append("\\\"")
                char == '\\' -> out.append("\\\\")
                char == '\n' -> out.append("\\n")
                char == '\r' -> out.append("\\r")
                char == '\t' -> out.append("\\t")
                char < ' ' || alone(text, index) -> escape(out, char)
                else -> out.append(char)
            }
        }
        out.append('"')
    }

    /** Half of a surrogate pair is no UTF-8; escaped, the library can say what is wrong. */
    private fun alone(text: String, index: Int): Boolean = when {
        text[index].isHighSurrogate() -> text.getOrNull(index + 1)?.isLowSurrogate() != true
        text[index].isLowSurrogate() -> text.getOrNull(index - 1)?.isHighSurrogate() != true
        else -> false
    }

    private fun escape(out: StringBuilder, char: Char) {
        out.append("\\u").append(char.code.toString(16).padStart(4, '0'))
    }
}
