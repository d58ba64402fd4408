namespace Runcvm.Machines;

/// <summary>A machine whose balloon is moved by the supervisor; that of another one by whoever has its hypervisor's
/// API.</summary>
internal interface IBalloon : IMachine
{
    /// <summary>Asks the guest to use only so many mebibytes of its memory. The machine must have a balloon.</summary>
    Task SetMemoryAsync(long mebibytes);
}
