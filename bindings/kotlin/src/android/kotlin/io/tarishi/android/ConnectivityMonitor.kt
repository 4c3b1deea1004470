package io.tarishi.android

import android.content.Context
import android.net.ConnectivityManager
import android.net.Network
import android.net.NetworkCapabilities
import android.net.NetworkRequest
import io.tarishi.NetworkMonitor
import io.tarishi.NetworkSink

/**
 * Tells the library what Android knows of the network. Needs the permission `ACCESS_NETWORK_STATE`.
 *
 * A network that Android has not validated counts as unknown, not as none: where Android's own probe is blocked the server may
 * still be reached, and behind a login page the library notices by itself.
 */
public class ConnectivityMonitor(context: Context) : NetworkMonitor {
    private val connectivity = context.applicationContext.getSystemService(Context.CONNECTIVITY_SERVICE) as ConnectivityManager
    private val networks = mutableMapOf<Network, NetworkCapabilities>()
    private var callback: ConnectivityManager.NetworkCallback? = null
    private var sink: NetworkSink? = null

    @Synchronized
    override fun start(sink: NetworkSink) {
        this.sink = sink
        if (connectivity.activeNetwork == null) sink.changed(io.tarishi.Network.OFFLINE)
        val request = NetworkRequest.Builder().addCapability(NetworkCapabilities.NET_CAPABILITY_INTERNET).build()
        callback = Callback().also { connectivity.registerNetworkCallback(request, it) }
    }

    @Synchronized
    override fun stop() {
        callback?.let(connectivity::unregisterNetworkCallback)
        callback = null
        sink?.close()
        sink = null
        networks.clear()
    }

    @Synchronized
    private fun tell(change: MutableMap<Network, NetworkCapabilities>.() -> Unit) {
        networks.change()
        sink?.changed(now())
    }

    /** Android routes over the best network, so one that is validated and free decides. */
    private fun now(): io.tarishi.Network {
        val validated = networks.values.filter { it.hasCapability(NetworkCapabilities.NET_CAPABILITY_VALIDATED) }
        return when {
            validated.any { it.hasCapability(NetworkCapabilities.NET_CAPABILITY_NOT_METERED) } -> io.tarishi.Network.UNMETERED
            validated.isNotEmpty() -> io.tarishi.Network.METERED
            networks.isNotEmpty() -> io.tarishi.Network.UNKNOWN
            else -> io.tarishi.Network.OFFLINE
        }
    }

    private inner class Callback : ConnectivityManager.NetworkCallback() {
        override fun onCapabilitiesChanged(network: Network, capabilities: NetworkCapabilities) =
            tell { put(network, capabilities) }

        override fun onLost(network: Network) = tell { remove(network) }
    }
}
