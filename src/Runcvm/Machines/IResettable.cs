namespace Runcvm.Machines;

/// <summary>A machine whose guest may be reset and boot once more; a reset of another one is its end.</summary>
internal interface IResettable : IMachine
{
    /// <summary>Ends when the guest is reset the next time, by itself or by <see cref="ResetAsync"/>, and boots once
    /// more from its first instruction.</summary>
    Task BootsAgain { get; }

    /// <summary>Resets the guest.</summary>
    Task ResetAsync();

    /// <summary>From now on a reset is the end of the hypervisor: what the guest is in the middle of cannot be begun
    /// again.</summary>
    Task EndAtResetAsync();
}
