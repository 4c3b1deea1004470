package io.tarishi

/** Base64 of the standard alphabet with padding. `java.util.Base64` is not there before Android 8. */
internal object Base64 {
    private const val ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

    fun encode(bytes: ByteArray): String = buildString((bytes.size + 2) / 3 * 4) {
        for (start in bytes.indices step 3) {
            val group = (0..2).fold(0) { sum, at -> (sum shl 8) or ((bytes.getOrNull(start + at)?.toInt() ?: 0) and 0xff) }
            for (at in 0..3) {
                if (start + at > bytes.size) append('=') else append(ALPHABET[(group shr (18 - 6 * at)) and 0x3f])
            }
        }
    }
}
