using Runcvm.Linux.Processes;

namespace Runcvm.Building;

/// <summary>Who a builder is.</summary>
internal static class BuilderIdentity
{
    /// <summary>Ends what programs of that user left behind when they ended. Root's right to end anything is given up
    /// before.</summary>
    internal static void EndAllOf(uint user)
    {
        using var thread = new UserThread("undertaker", () => Become(user, CapabilitySet.Empty));
        thread.Run(OtherProcess.TryKillAllOfUser);
    }

    /// <summary>Makes this thread that user, for good. What it starts has these capabilities and no other.</summary>
    internal static void Become(uint user, CapabilitySet kept)
    {
        kept.LimitBounding();
        CurrentProcess.KeepCapabilities(true);
        CurrentProcess.SetIdentity(user, user, []);
        CapabilitySet.Apply(kept, kept, kept);
        kept.ApplyAmbient();
        CurrentProcess.SetNoNewPrivileges();
    }
}
