package io.tarishi

import io.tarishi.testkit.TestPhone
import java.io.File
import java.nio.file.Files
import kotlin.time.Duration.Companion.seconds
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.withTimeout

/** A test that hangs has failed. */
fun test(body: suspend CoroutineScope.() -> Unit): Unit = runBlocking { withTimeout(60.seconds) { body() } }

fun phone(configure: ClientBuilder.() -> Unit = {}, body: suspend CoroutineScope.(TestPhone) -> Unit): Unit =
    test { TestPhone.open(configure).use { body(it) } }

fun <T> inFolder(body: (File) -> T): T {
    val folder = Files.createTempDirectory("tarishi-test").toFile()
    try {
        return body(folder)
    } finally {
        folder.deleteRecursively()
    }
}

fun sms(key: String): NewOperation = Sms.send("+254711000111", "School is closed", key = key)
