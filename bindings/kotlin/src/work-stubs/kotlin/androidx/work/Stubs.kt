// Written by hand after the signatures of androidx.work 2.8, and only there so that SyncWorker can be type-checked on machines
// without Google's Maven repository. Never shipped; Gradle uses the real library. Nothing here does anything.
@file:Suppress("UNUSED_PARAMETER")

package androidx.work

import android.content.Context
import java.util.concurrent.TimeUnit

public class WorkerParameters private constructor()

public abstract class ListenableWorker(private val context: Context, parameters: WorkerParameters) {
    public val applicationContext: Context get() = context

    public abstract class Result internal constructor() {
        public companion object {
            @JvmStatic public fun success(): Result = none()

            @JvmStatic public fun retry(): Result = none()

            @JvmStatic public fun failure(): Result = none()
        }
    }
}

public abstract class CoroutineWorker(context: Context, parameters: WorkerParameters) : ListenableWorker(context, parameters) {
    public abstract suspend fun doWork(): Result
}

public enum class NetworkType { NOT_REQUIRED, CONNECTED, UNMETERED, NOT_ROAMING, METERED }

public enum class BackoffPolicy { EXPONENTIAL, LINEAR }

public enum class OutOfQuotaPolicy { RUN_AS_NON_EXPEDITED_WORK_REQUEST, DROP_WORK_REQUEST }

public enum class ExistingWorkPolicy { REPLACE, KEEP, APPEND, APPEND_OR_REPLACE }

public enum class ExistingPeriodicWorkPolicy { REPLACE, KEEP, UPDATE, CANCEL_AND_REENQUEUE }

public class Constraints private constructor() {
    public class Builder {
        public fun setRequiredNetworkType(type: NetworkType): Builder = this

        public fun build(): Constraints = none()
    }
}

public abstract class WorkRequest internal constructor() {
    public abstract class Builder<B : Builder<B, W>, W : WorkRequest> internal constructor() {
        public fun setConstraints(constraints: Constraints): B = none()

        public fun setBackoffCriteria(policy: BackoffPolicy, delay: Long, unit: TimeUnit): B = none()

        public open fun setExpedited(policy: OutOfQuotaPolicy): B = none()

        public fun build(): W = none()
    }
}

public class OneTimeWorkRequest private constructor() : WorkRequest() {
    public class Builder(worker: Class<out ListenableWorker>) : WorkRequest.Builder<Builder, OneTimeWorkRequest>()
}

public class PeriodicWorkRequest private constructor() : WorkRequest() {
    public class Builder(worker: Class<out ListenableWorker>, interval: Long, unit: TimeUnit) :
        WorkRequest.Builder<Builder, PeriodicWorkRequest>()
}

public interface Operation

public abstract class WorkManager internal constructor() {
    public abstract fun enqueueUniqueWork(name: String, policy: ExistingWorkPolicy, request: OneTimeWorkRequest): Operation

    public abstract fun enqueueUniquePeriodicWork(
        name: String,
        policy: ExistingPeriodicWorkPolicy,
        request: PeriodicWorkRequest,
    ): Operation

    public abstract fun cancelUniqueWork(name: String): Operation

    public companion object {
        @JvmStatic public fun getInstance(context: Context): WorkManager = none()
    }
}

private fun none(): Nothing = throw UnsupportedOperationException("a stub")
