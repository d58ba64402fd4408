namespace Runcvm.Network;

/// <summary>What the sandbox's network namespace has for itself of what arrives and leaves. Guest and namespace share
/// the container's addresses.</summary>
/// <param name="Programs">null where the kernel took none: then ports are reserved, and nobody is told of a
/// refusal</param>
/// <param name="LetsOut">what is in the namespace may begin connections to the outside, past the machine</param>
/// <param name="Nameservers">whom it may ask otherwise; null where they are not known, and any may be asked</param>
internal sealed record NamespaceRules(
    NamespacePrograms? Programs = null, bool LetsOut = false, IReadOnlyList<byte[]>? Nameservers = null);
