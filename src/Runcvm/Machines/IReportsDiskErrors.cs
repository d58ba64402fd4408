namespace Runcvm.Machines;

/// <summary>A machine that tells the host of errors of its disks, and may stop its guest at one; another one tells the
/// guest alone.</summary>
internal interface IReportsDiskErrors : IMachine
{
    /// <summary>Ends with the next error of a disk.</summary>
    Task<DiskError> DiskError { get; }

    /// <summary>Lets a guest go on that an error of a disk has stopped.</summary>
    Task ContinueAsync();
}
