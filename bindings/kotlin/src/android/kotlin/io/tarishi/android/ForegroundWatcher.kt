package io.tarishi.android

import android.app.Activity
import android.app.Application
import android.os.Bundle
import io.tarishi.ClientException
import io.tarishi.TarishiClient

/**
 * Tells the library whether the person looks at the app: it does while one of the activities is started. In the foreground the
 * library awaits answers at the server; in the background it only sends. Android does not end apps that hold a file's lock, so
 * nothing needs to be suspended.
 *
 * ```
 * class SchoolApp : Application() {
 *     val tarishi by lazy { TarishiClient.open(…) { … } }
 *     override fun onCreate() {
 *         super.onCreate()
 *         ForegroundWatcher.attach(this, tarishi)
 *         tarishi.start()
 *     }
 * }
 * ```
 */
public class ForegroundWatcher private constructor(
    private val application: Application,
    private val client: TarishiClient,
) : Application.ActivityLifecycleCallbacks, AutoCloseable {
    private var started = 0

    override fun onActivityStarted(activity: Activity) {
        started += 1
        if (started == 1) tell(true)
    }

    override fun onActivityStopped(activity: Activity) {
        // One that was started before this was attached is not counted.
        if (started == 0) return
        started -= 1
        // A rotated screen stops and starts at once: that is no leaving.
        if (started == 0 && !activity.isChangingConfigurations) tell(false)
    }

    /** Watches no longer. */
    override fun close(): Unit = application.unregisterActivityLifecycleCallbacks(this)

    private fun tell(foreground: Boolean) {
        try {
            client.setForeground(foreground)
        } catch (_: ClientException.NotOpen) {
            close()
        }
    }

    override fun onActivityCreated(activity: Activity, state: Bundle?): Unit = Unit

    override fun onActivityResumed(activity: Activity): Unit = Unit

    override fun onActivityPaused(activity: Activity): Unit = Unit

    override fun onActivitySaveInstanceState(activity: Activity, state: Bundle): Unit = Unit

    override fun onActivityDestroyed(activity: Activity): Unit = Unit

    /** Attaches watchers. */
    public companion object {
        /** Watches all activities of the application; call it in `Application.onCreate`. */
        public fun attach(application: Application, client: TarishiClient): ForegroundWatcher =
            ForegroundWatcher(application, client).also(application::registerActivityLifecycleCallbacks)
    }
}
