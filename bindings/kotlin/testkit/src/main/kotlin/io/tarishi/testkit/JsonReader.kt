package io.tarishi.testkit

/** Reads JSON: maps, lists, text, [Long], [Double], booleans and `null`. */
internal class JsonReader private constructor(private val text: String) {
    private var at = 0

    private fun whole(): Any? = value().also {
        blank()
        if (at < text.length) wrong()
    }

    private fun value(): Any? {
        blank()
        return when (peek()) {
            '{' -> members()
            '[' -> items()
            '"' -> string()
            else -> word()
        }
    }

    private fun members(): Map<String, Any?> = buildMap {
        between('{', '}') {
            blank()
            val name = string()
            blank()
            take(':')
            put(name, value())
        }
    }

    private fun items(): List<Any?> = buildList { between('[', ']') { add(value()) } }

    private fun between(open: Char, close: Char, each: () -> Unit) {
        take(open)
        blank()
        if (peek() == close) return take(close)
        while (true) {
            each()
            blank()
            if (peek() == close) return take(close)
            take(',')
        }
    }

    private fun string(): String = buildString {
        take('"')
        while (true) {
            when (val char = next()) {
                '"' -> return@buildString
                '\\' -> append(escaped())
                else -> append(char)
            }
        }
    }

    private fun escaped(): Char = when (val char = next()) {
        'n' -> '\n'
        't' -> '\t'
        'r' -> '\r'
        'b' -> '\b'
        'f' -> '\u000c'
        'u' -> String(CharArray(4) { next() }).toInt(16).toChar()
        else -> char
    }

    private fun word(): Any? {
        val start = at
        while (at < text.length && text[at] !in ",]}" && !text[at].isWhitespace()) at++
        return when (val word = text.substring(start, at)) {
            "null" -> null
            "true" -> true
            "false" -> false
            else -> word.toLongOrNull() ?: word.toDoubleOrNull() ?: wrong()
        }
    }

    private fun blank() {
        while (at < text.length && text[at].isWhitespace()) at++
    }

    private fun peek(): Char = text.getOrNull(at) ?: wrong()

    private fun next(): Char = peek().also { at++ }

    private fun take(char: Char) {
        if (next() != char) wrong()
    }

    private fun wrong(): Nothing = throw IllegalArgumentException("no JSON at character $at")

    companion object {
        fun read(text: String): Any? = JsonReader(text).whole()
    }
}
