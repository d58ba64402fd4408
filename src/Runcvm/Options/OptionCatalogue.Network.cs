using Runcvm.Egress;

namespace Runcvm.Options;

internal static partial class OptionCatalogue
{
    private static Option[] Network =>
    [
        new("RUNCVM_NETWORK_MODE", "`host` may be said with `--network host`, which is enough by itself; without it that is an error.", "`bridge`",
            (o, text) => o with { SaysHostNetwork = text.OneOf("bridge or host", [("bridge", false), ("host", true)]) }),
        new("RUNCVM_EGRESS",
            "What the machine may reach: `open`, `none`, `public` (the internet, nothing private, not the host), "
            + "`learn` (all, and what it reaches is noted), a name in `/etc/runcvm/egress.d`, or "
            + "rules such as `allow=*.example.org:443;10.1.0.0/16:5432`, see [egress.md](egress.md). "
            + "What the host's configuration says holds for every machine; a container can "
            + "only tighten it.",
            "`open`", (o, text) => o with { Egress = EgressPolicy.Parse(text) }),
        new("RUNCVM_JOINED",
            "What containers under another runtime may do that joined the machine's network (`--network "
            + "container:…`): `refuse` keeps them to the machine's own ports and to connections from outside, as they "
            + "would leave past the machine's rules, routes and tunnels; `direct` lets them out. Under a policy of "
            + "`RUNCVM_EGRESS` they stay in. Where the host's configuration says `refuse`, no container may say "
            + "`direct`.",
            "`refuse`",
            (o, text) => o with
            {
                LetsJoinedOut = text.OneOf("direct or refuse", [("direct", true), ("refuse", false)]),
            }),
        new("RUNCVM_NET_SPOOF", "The machine may send from MAC and IP addresses that are not the container's, and frames of any kind; `--privileged` does the same.",
            "off", (o, text) => o with { MaySpoof = text.Flag() }) { NeedsAllow = true },
        new("RUNCVM_QEMU_NET_VHOST", "The host's kernel carries the packets of a machine that QEMU runs with KVM (`/dev/vhost-net`), instead of QEMU itself.",
            "off", Part((part, text) => part with { VhostNet = text.Flag() })) { NeedsAllow = true },
    ];
}
