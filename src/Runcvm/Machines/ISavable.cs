using Microsoft.Win32.SafeHandles;

namespace Runcvm.Machines;

/// <summary>A machine that can be saved while it has devices, and go on as another one that has the same in the same
/// places.</summary>
internal interface ISavable : IMachine
{
    /// <summary>Its devices are in the first places of its board.</summary>
    bool IsPlacedFirst { get; }

    /// <summary>How many network cards it has.</summary>
    int Cards { get; }

    /// <summary>Stops it and writes all of it, but for its disks, to a file, which is closed then. It stands still
    /// until <see cref="ContinueAsync"/>.</summary>
    Task SaveAsync(SafeFileHandle file);

    /// <summary>Has it go on.</summary>
    Task ContinueAsync();

    /// <summary>Reads it from the file that its settings name, and has it go on.</summary>
    Task LoadAsync();
}
