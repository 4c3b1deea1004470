package io.tarishi

import java.io.File
import kotlin.test.Test
import kotlin.test.assertTrue
import kotlinx.coroutines.runBlocking
import org.junit.jupiter.api.Tag

/**
 * Whether native memory comes back. Run it with a heap of fixed size that is touched at the start (`-Xms64m -Xmx64m
 * -XX:+AlwaysPreTouch`), or its growth hides a leak or looks like one.
 */
@Tag("memory")
class MemoryTest {
    @Test
    fun `a thousand cycles of open, enqueue, sync and close leave the memory as it was`() = inFolder { folder ->
        var early = 0L
        for (cycle in 1..CYCLES) {
            cycle(File(folder, "$cycle"))
            if (cycle == EARLY) early = resident()
            if (cycle % LOOK == 0) println("resident after $cycle cycles: ${resident()} kB")
        }
        val late = resident()
        println("resident after $EARLY cycles: $early kB, after $CYCLES: $late kB, ratio ${"%.3f".format(late.toDouble() / early)}")
        assertTrue(late <= early * 1.05, "$early kB grew to $late kB")
    }

    private fun cycle(folder: File) {
        folder.mkdir()
        ScriptedServer().use { server ->
            TarishiClient.open("$folder/a.db", "https://pay.example.org") {
                token("t1")
                server(server)
            }.use { client ->
                runBlocking {
                    repeat(10) { client.enqueue(sms("k$it")) }
                    check(client.sync().accepted == 10uL)
                }
            }
        }
        folder.deleteRecursively()
    }

    private fun resident(): Long {
        repeat(3) {
            System.gc()
            Thread.sleep(100)
        }
        return File("/proc/self/status").readLines().first { it.startsWith("VmRSS:") }.filter { it.isDigit() }.toLong()
    }

    private companion object {
        const val CYCLES = 1_000
        const val EARLY = 100
        const val LOOK = 250
    }
}
