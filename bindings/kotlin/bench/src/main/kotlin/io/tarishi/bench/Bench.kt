package io.tarishi.bench

import io.tarishi.NewOperation
import io.tarishi.Sms
import io.tarishi.TarishiClient
import io.tarishi.getOrThrow
import java.io.File
import java.nio.file.Files
import java.nio.file.Path
import kotlin.time.Duration
import kotlin.time.DurationUnit
import kotlin.time.measureTime
import kotlinx.coroutines.runBlocking

private const val WARM_UP = 200
private const val SINGLE = 2_000
private const val LISTS = 100
private const val LIST = 100

private val filler = "word ".repeat(70)

private fun operation(n: Int): NewOperation =
    Sms.send("+254711000111", "${n.toString().padStart(10, '0')} $filler", key = "rate-$n")

private fun perSecond(count: Int, took: Duration): Long = (count / took.toDouble(DurationUnit.SECONDS)).toLong()

/** What `bindings/examples/rate.rs` does in Rust: enqueues one by one and in lists, in turn, and prints one line of JSON. */
fun main() = runBlocking<Unit> {
    // On the disk: /tmp may be memory.
    val folder = System.getenv("TARISHI_FOLDER")?.let { Files.createTempDirectory(Path.of(it).also(Files::createDirectories), "rate") }
        ?: Files.createTempDirectory("rate")
    try {
        TarishiClient.open(File(folder.toFile(), "rate.db").path, "http://127.0.0.1:9") {
            token("none")
            account = "acc_rate"
        }.use { client ->
            var next = 0
            repeat(WARM_UP) { client.enqueue(operation(next++)) }
            val single = measureTime { repeat(SINGLE) { client.enqueue(operation(next++)) } }
            val lists = measureTime {
                repeat(LISTS) { client.enqueue(List(LIST) { operation(next++) }).forEach { it.getOrThrow() } }
            }
            println("""{"single_per_sec": ${perSecond(SINGLE, single)}, "list_per_sec": ${perSecond(LISTS * LIST, lists)}}""")
        }
    } finally {
        folder.toFile().deleteRecursively()
    }
}
