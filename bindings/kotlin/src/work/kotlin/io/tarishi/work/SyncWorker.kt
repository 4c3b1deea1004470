package io.tarishi.work

import android.content.Context
import android.os.Build
import androidx.work.BackoffPolicy
import androidx.work.Constraints
import androidx.work.CoroutineWorker
import androidx.work.ExistingPeriodicWorkPolicy
import androidx.work.ExistingWorkPolicy
import androidx.work.NetworkType
import androidx.work.OneTimeWorkRequest
import androidx.work.OutOfQuotaPolicy
import androidx.work.PeriodicWorkRequest
import androidx.work.WorkManager
import androidx.work.WorkerParameters
import io.tarishi.ClientException
import io.tarishi.TarishiClient
import java.util.concurrent.TimeUnit
import kotlin.time.Duration.Companion.minutes

/** What the app's `Application` implements, so that [SyncWorker] finds its client after the process was started for it alone. */
public interface TarishiOwner {
    /** The app's client. */
    public val tarishi: TarishiClient
}

/**
 * Syncs in the background. Call [schedule] in `Application.onCreate` and [now] after enqueueing:
 *
 * ```
 * client.enqueue(operations)
 * SyncWorker.now(context)
 * ```
 *
 * WorkManager only wakes the process when there is network. What is sent then, and what waits longer because it failed before,
 * is the library's decision.
 */
public class SyncWorker(context: Context, parameters: WorkerParameters) : CoroutineWorker(context, parameters) {
    override suspend fun doWork(): Result {
        val owner = applicationContext as? TarishiOwner ?: return Result.failure()
        return try {
            // Well below the ten minutes after which Android ends a worker.
            val report = owner.tarishi.sync(deadline = 3.minutes)
            if (report.complete) Result.success() else Result.retry()
        } catch (error: ClientException) {
            when (error) {
                is ClientException.Wait, is ClientException.Storage -> Result.retry()
                // Only the person or a newer app can help: the next run comes with the period or when the app is opened.
                else -> Result.success()
            }
        }
    }

    /** Schedules runs. */
    public companion object {
        private const val NOW = "io.tarishi.sync"
        private const val PERIOD = "io.tarishi.sync.period"
        private val constraints = Constraints.Builder().setRequiredNetworkType(NetworkType.CONNECTED).build()

        /** Syncs as soon as there is network, expedited from Android 12 on (before, that would need a notification). */
        public fun now(context: Context) {
            val request = OneTimeWorkRequest.Builder(SyncWorker::class.java)
                .setConstraints(constraints)
                .setBackoffCriteria(BackoffPolicy.EXPONENTIAL, 30, TimeUnit.SECONDS)
            if (Build.VERSION.SDK_INT >= EXPEDITED_WITHOUT_NOTIFICATION) {
                request.setExpedited(OutOfQuotaPolicy.RUN_AS_NON_EXPEDITED_WORK_REQUEST)
            }
            // Appended: a run that is about to end may have looked into the queue already.
            WorkManager.getInstance(context).enqueueUniqueWork(NOW, ExistingWorkPolicy.APPEND_OR_REPLACE, request.build())
        }

        /** Syncs every [minutes] (15 at least), even after the phone was started again. */
        public fun schedule(context: Context, minutes: Long = 15) {
            val request = PeriodicWorkRequest.Builder(SyncWorker::class.java, minutes, TimeUnit.MINUTES)
                .setConstraints(constraints)
                .build()
            WorkManager.getInstance(context).enqueueUniquePeriodicWork(PERIOD, ExistingPeriodicWorkPolicy.UPDATE, request)
        }

        /** No more runs: after signing out. */
        public fun cancel(context: Context) {
            WorkManager.getInstance(context).cancelUniqueWork(NOW)
            WorkManager.getInstance(context).cancelUniqueWork(PERIOD)
        }

        /** Android 12. */
        private const val EXPEDITED_WITHOUT_NOTIFICATION = 31
    }
}
