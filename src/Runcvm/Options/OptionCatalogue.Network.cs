namespace Runcvm.Options;

internal static partial class OptionCatalogue
{
    private static Option[] Network =>
    [
        new("RUNCVM_NET_SPOOF", "The machine may send from MAC and IP addresses that are not the container's, and frames of any kind; `--privileged` does the same.",
            "off", (o, text) => o with { MaySpoof = text.Flag() }) { NeedsAllow = true },
    ];
}
