package io.tarishi

import com.google.gson.JsonParser
import java.math.BigDecimal
import java.util.Base64 as JavaBase64
import kotlin.random.Random
import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith

class JsonTest {
    @Test
    fun `every character survives`() {
        val text = (0..0xffff).map { it.toChar() }.filterNot { it.isSurrogate() }.joinToString("") + "\uD83D\uDE00"
        assertEquals(text, JsonParser.parseString(jsonText(text)).asString)
    }

    @Test
    fun `half a surrogate pair is escaped`() {
        assertEquals("\"a\\ud83d\"", jsonText("a\uD83D"))
        assertEquals("\"\\ude00a\"", jsonText("\uDE00a"))
    }

    @Test
    fun `values of every kind are written`() {
        val value = mapOf(
            "text" to "a",
            "numbers" to listOf(1, -2L, 3u, 4uL, 1.5, BigDecimal("1000000000000.10")),
            "words" to arrayOf(true, false, null),
            "money" to kes("10.00"),
            "empty" to emptyMap<String, Any>(),
            "word" to PaymentMethod.MOBILE_MONEY,
        )
        assertEquals(
            """{"text":"a","numbers":[1,-2,3,4,1.5,1000000000000.10],"words":[true,false,null],""" +
                """"money":{"amount":"10.00","currency":"KES"},"empty":{},"word":"mobile_money"}""",
            jsonText(value),
        )
    }

    @Test
    fun `what JSON cannot hold is refused`() {
        assertFailsWith<IllegalArgumentException> { jsonText(Double.NaN) }
        assertFailsWith<IllegalArgumentException> { jsonText(mapOf(1 to 2)) }
        assertFailsWith<IllegalArgumentException> { jsonText(Any()) }
    }

    @Test
    fun `base64 is as everybody's`() {
        for (size in 0..200) {
            val bytes = Random(size).nextBytes(size)
            assertEquals(JavaBase64.getEncoder().encodeToString(bytes), Base64.encode(bytes))
        }
    }
}
