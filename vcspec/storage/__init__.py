"""Reading and writing of stores: the only room that knows zarr, anndata, fsspec and h5py."""
