"""`serin-collector`: takes predictions and labels from servers, keeps them safe, and writes them down as Parquet.

A process of its own, with libraries that the serving process never loads.
"""
