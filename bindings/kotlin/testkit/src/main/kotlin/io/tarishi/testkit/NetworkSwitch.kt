package io.tarishi.testkit

import io.tarishi.Network
import io.tarishi.NetworkMonitor
import io.tarishi.NetworkSink

/** A network monitor that says what it is told to. */
public class NetworkSwitch(
    /** The network to begin with. */
    private var network: Network = Network.UNMETERED,
) : NetworkMonitor {
    private var sink: NetworkSink? = null

    @Synchronized
    override fun start(sink: NetworkSink) {
        this.sink = sink
        sink.changed(network)
    }

    @Synchronized
    override fun stop() {
        sink?.close()
        sink = null
    }

    /** This is the network now. */
    @Synchronized
    public fun to(network: Network) {
        this.network = network
        sink?.changed(network)
    }
}
